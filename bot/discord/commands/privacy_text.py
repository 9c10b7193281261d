"""What `/privacy` and `/forget` say. Pure."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from data.files.made_from import MadeFrom
from data.records import Forgotten

_SHOWN = 5  # names in a row; Discord takes 2,000 characters


def privacy_text(*, consents: bool, permission: str, policy: str | None) -> str:
    """The text of `/privacy`.

    `consents` is whether the person agreed to training, `permission` the reference of Discord's
    permission to train on messages (empty: there is none), and `policy` where the operator's own
    privacy policy is.
    """
    where = (
        f"My operator's privacy policy: <{policy}>"
        if policy
        else "My operator has not told me where their privacy policy is. Please ask them."
    )
    return f"""\
**What I store**
- what you ask me, with your name and id here, and what was said before it in the conversation, \
each part with its person's id
- my answer, which model gave it and how long it took, and which messages show it
- your reactions to my answers that rate them, and the choices you make with my commands
**Why**
- to answer in order, also after a restart, and to remember the conversation
- to learn from the ratings which model people like better; `/stats` shows counts only
**How long**
- until you use `/forget`. Then only counts without a name are left, and for an hour how much you \
asked, under a code: a server's limit does not end with it. `/mydata` gives you a copy.
- Backups and exports that my operator made before I cannot change. `/forget` tells them which \
exports, and which models trained on them, hold something of you.
- I never store images, or anything about your account. Messages that are not for me I store only \
as what was said before a question to me.
**Training**
- {_training(permission, consents=consents)}
**Policy**
- {where}"""


def _training(permission: str, *, consents: bool) -> str:
    if not permission:
        text = (
            "Your messages and ratings are **not** used for training: Discord forbids training"
            " models on messages unless it has permitted it, and I know of no permission. So what"
            " is said here does not leave for training, whatever anybody agrees to."
        )
        return f"{text} You agreed once; you can take that back." if consents else text
    choice = (
        "**You agreed** that your messages, my answers to them and your ratings may be used to"
        " train and measure models."
        if consents
        else "Your messages and ratings are **not** used for training: you did not agree to it."
    )
    return (
        f"{choice} Discord has permitted training on messages (reference: {permission}), of those"
        " people alone who agree: an answer is used if who asked and who rated it both did."
    )


ASK_WHETHER = """\
This deletes everything I have stored of you, in all servers: your messages to me, my answers to \
you (here on Discord too), our conversations, your ratings and choices. It cannot be undone.
What is left are counts without a name: that there was an answer of some model, and a rating.
Your own messages and reactions on Discord are yours: I cannot delete them."""

KEPT = "Nothing was deleted."


def forgotten_text(forgotten: Forgotten, messages: int, made: Sequence[MadeFrom] = ()) -> str:
    """The text after `/forget`.

    `messages` is how many answers are being deleted on Discord, and `made` what was made from the
    exports that hold something of the person.
    """
    text = "I had nothing stored of you but perhaps a choice, and that is gone too."
    if forgotten.requests or forgotten.ratings:
        text = (
            f"Forgotten: {_count(forgotten.requests, 'message')} of yours with my answers,"
            f" and {_count(forgotten.ratings, 'rating')}."
        )
    if messages:
        text += f" I am deleting {_count(messages, 'answer message')} of mine here on Discord."
    if forgotten.exports:
        files = [f"export `{Path(export.path).name}`" for export in forgotten.exports]
        text += (
            "\nWhat my operator took out before, I cannot change. I have told them that this holds"
            f" something of you: {_row([*files, *(_made(one) for one in made)])}."
        )
    return text


def _made(one: MadeFrom) -> str:
    return f"{one.kind} `{one.folder.name}`"


def _row(names: Iterable[str]) -> str:
    found = list(dict.fromkeys(names))
    more = len(found) - _SHOWN
    return ", ".join([*found[:_SHOWN], *([f"and {more} more"] if more > 0 else [])])


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' * (number != 1)}"
