"""What `/privacy` and `/forget` say. Pure."""

from data.records import Forgotten


def privacy_text(*, consents: bool) -> str:
    """The text of `/privacy`; `consents` is whether the person agreed to training."""
    choice = (
        "**You agreed** that your messages, my answers to them and your ratings may be used to"
        " train and measure models."
        if consents
        else "Your messages and ratings are **not** used for training: you did not agree to it."
    )
    return f"""\
**What I store**
- what you ask me, with your name and id here, and what was said before it in the conversation
- my answer, which model gave it and how long it took, and which messages show it
- your reactions to my answers that rate them, and the choices you make with my commands
**Why**
- to answer in order, also after a restart, and to remember the conversation
- to learn from the ratings which model people like better; `/stats` shows counts only
**How long**
- until you use `/forget`. Then only counts without a name are left. `/mydata` gives you a copy.
- I never store messages that are not for me, images, or anything about your account.
**Training**
- {choice}"""


CONFIRM = """\
This deletes everything I have stored of you, in all servers: your messages to me, my answers to \
you (here on Discord too), our conversations, your ratings and choices. It cannot be undone.
What is left are counts without a name: that there was an answer of some model, and a rating.
Your own messages and reactions on Discord are yours: I cannot delete them."""

KEPT = "Nothing was deleted."


def forgotten_text(forgotten: Forgotten, messages: int) -> str:
    """The text after `/forget`; `messages` is how many answers are being deleted on Discord."""
    if forgotten == Forgotten(requests=0, ratings=0):
        return "I had nothing stored of you but perhaps a choice, and that is gone too."
    text = (
        f"Forgotten: {_count(forgotten.requests, 'message')} of yours with my answers,"
        f" and {_count(forgotten.ratings, 'rating')}."
    )
    if messages:
        text += f" I am deleting {_count(messages, 'answer message')} of mine here on Discord."
    return text


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' * (number != 1)}"
