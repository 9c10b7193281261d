"""Texts cut into sentences and tokens, and the classes of their words."""

from training.evaluate.voice.features import START, flat, opening, sentences, tokens, word_classes


def test_quotes_case_and_spaces_do_not_matter():
    assert flat("  “I DON’T”\n eat ") == '"i don\'t" eat'


def test_sentences_end_at_their_signs():
    assert sentences("No. It's 3.5 km!  Why?") == [
        ["no", "."],
        ["it's", "3", ".", "5", "km", "!"],
        ["why", "?"],
    ]
    assert sentences("") == []


def test_each_sentence_begins_with_a_mark():
    assert tokens("Tea. Now") == [START, "tea", ".", START, "now"]


def test_word_classes_are_read():
    classes = word_classes()
    assert classes["chatbot"] == "machine"
    assert classes["overrated"] == "bad"
    assert len(classes) > 800
    assert all(word == word.casefold() for word in classes)


def test_the_opening_is_the_first_sentence_of_some_length():
    assert opening("Yes. It's a tax on hope. Really.") == "Yes. It's a tax on hope."
    assert opening('He said "no way, never ever." And left') == 'He said "no way, never ever."'
    assert opening("a\nb c d e f\ng") == "a\nb c d e f"
    assert opening("3.5 km is far") == "3.5 km is far"
    assert opening("") == ""
