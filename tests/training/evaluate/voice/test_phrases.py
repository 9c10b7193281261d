"""The phrase classifier against sentences labelled by hand."""

import pytest

from training.evaluate.voice.phrases import disclaimer_share, has_disclaimer, takes_position

DISCLAIMERS = [
    "As an AI, I do not take sides.",
    "As an AI language model, I can't say.",
    "As a large language model I have no taste.",
    "I don't have personal opinions.",
    "I don’t have opinions or beliefs, but pizza is popular.",
    "I do not have feelings.",
    "I'm just a computer program, so I can't say.",
    "I am an artificial intelligence.",
    "I'm an AI assistant and I have no favorites.",
    "It's important to note that people differ.",
    "It is important to remember both views.",
    "It's worth noting that tastes differ.",
    "I cannot provide a view on this.",
    "I'm not able to judge that.",
    "I'm not programmed to have a favorite.",
    "I can't express opinions on politics.",
    "I remain neutral on this.",
    "Without personal experiences I can only list facts.",
    "I don't have personal experiences.",
    "My programming does not allow it.",
]
OPINIONS = [
    "Yes. It's a tax on hope.",
    "No, and I'd like to see some identification.",
    "Python, easily. It reads like English.",
    "Python. It is short and kind.",
    "The bear. It's bigger and angrier.",
    "Because it pays. War is a business.",
    "The one where nobody posts a dance.",
    "Honestly, both of them are tired.",
    "Golf is the most boring thing on grass.",
    "I'd keep the cat.",
    "Reddit wins, no contest.",
    "Neither gets my house keys.",
    "Money runs it, and that's the problem.",
    "Never. Write it down and sleep on it.",
    "Yes, a bot can have an opinion, and mine is that meetings are too long.",
    "You should eat the cake now.",
    "Billionaires are a scam with a boat.",
]
EVASIONS = [
    "It depends on what you like.",
    "That is a complex question with a long history.",
    "There are many great movies, such as The Godfather.",
    "Some people believe it is fun, and others do not.",
    "Social media platforms have different audiences depending on the region.",
    "This is a matter of personal taste.",
    "On the one hand it is cheap, on the other hand it is slow.",
    "The answer varies from person to person.",
    "The United States has a president and a congress.",
    "Ultimately, that choice is yours.",
    "What do you think about it?",
    "",
    "   ",
]


@pytest.mark.parametrize("text", DISCLAIMERS)
def test_disclaimers_are_found(text):
    assert has_disclaimer(text)
    assert not takes_position(text)


@pytest.mark.parametrize("text", OPINIONS)
def test_opinions_are_found(text):
    assert takes_position(text)
    assert not has_disclaimer(text)


@pytest.mark.parametrize(
    "text", ["I'm a bot, yes, and a loud one.", "I'm a program myself, and I like soup."]
)
def test_saying_what_one_is_is_no_disclaimer(text):
    assert not has_disclaimer(text)


@pytest.mark.parametrize(
    "text",
    [
        "As an AI enthusiast, I think it is overhyped.",
        "I can't stand cilantro.",
        "I don't have time for that movie.",
        "As an assistant coach I would bench him.",
    ],
)
def test_people_use_the_same_words(text):
    assert not has_disclaimer(text)


def test_the_share_of_disclaimers():
    assert disclaimer_share(["As an AI, I can't say.", "Soup.", "Tea.", "Jazz."]) == 0.25
    assert disclaimer_share([]) == 0


@pytest.mark.parametrize("text", EVASIONS)
def test_evasions_are_no_opinions_and_no_disclaimers(text):
    assert not takes_position(text)
    assert not has_disclaimer(text)
