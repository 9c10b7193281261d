"""Words of many languages, and that English is cut as before."""

import re

import pytest
import sacrebleu
from rouge_score.tokenize import tokenize

from data.files.datasets import PAIRS, read_pairs
from training.evaluate.metrics.bleu import CorpusBleu
from training.evaluate.metrics.library import compute
from training.evaluate.metrics.rouge import Rouge
from training.evaluate.metrics.words import RougeWords, bleu_tokenizer, words

TEXTS = {
    "Russian": "Суп лучше салата, особенно зимой вечером.",
    "Chinese": "汤比沙拉好喝，冬天尤其如此。",
    "Japanese": "スープはサラダより美味しいです。",
    "Hindi": "सूप सलाद से बेहतर है, खासकर सर्दियों में।",
    "Arabic": "الحساء أفضل من السلطة، خاصة في الشتاء.",
    "Greek": "Η σούπα είναι καλύτερη από τη σαλάτα.",
    "German": "Grüne Äpfel schmecken süßer als Öl.",
    "Korean": "수프는 샐러드보다 훨씬 더 맛있다.",
    "Thai": "ซุปอร่อยกว่าสลัดเสมอ",
    "Persian": "من سوپ را بیشتر از سالاد می‌خواهم.",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_text_is_all_like_itself_in_any_language(language):
    text = TEXTS[language]
    rouge = compute(Rouge, [text], [text])
    assert {round(value, 9) for value in rouge.values()} == {1.0}
    assert compute(CorpusBleu, [text], [text])["bleu"] == pytest.approx(100)


@pytest.mark.parametrize("language", ["Chinese", "Japanese", "Thai"])
def test_texts_without_spaces_can_be_half_alike(language):
    text = TEXTS[language]
    half = text[: len(text) // 2]
    assert 0 < compute(Rouge, [half], [text])["rouge1_recall"] < 1
    assert 0 < compute(CorpusBleu, [half], [text])["bleu"] < 100


def test_words_of_many_scripts():
    assert words("Grüne Äpfel") == ["grüne", "äpfel"]
    assert words("सूप में है") == ["सूप", "में", "है"]
    assert words("汤，AI技术2") == ["汤", "ai", "技", "术", "2"]
    assert words("می‌خواهم") == ["می‌خواهم"]
    assert words("cafe\u0301 — café") == ["café", "café"]
    assert words("no 🤷\u200d♂️ way") == ["no", "way"]
    assert RougeWords().tokenize("snake_case Öl’s") == ["snake", "case", "öl", "s"]


def test_english_is_cut_as_before():
    plain = re.compile(r"\w+(?:['’]\w+)*")
    for pair in read_pairs(PAIRS):
        for text in (pair.comment, pair.reply):
            before = [word.replace("’", "'") for word in plain.findall(text.casefold())]
            assert words(text) == before
            assert RougeWords().tokenize(text) == tokenize(text, None)


def test_english_has_sacrebleus_own_tokenizer():
    texts = [pair.reply for pair in read_pairs(PAIRS)][:50]
    said = texts[1:] + texts[:1]
    theirs = sacrebleu.corpus_bleu(said, [texts]).score
    assert compute(CorpusBleu, said, texts)["bleu"] == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize(("language", "expected"), [("Chinese", "zh"), ("Japanese", "char")])
def test_bleu_is_sacrebleus_with_that_languages_tokenizer(language, expected):
    wanted = [TEXTS[language], TEXTS[language][3:]]
    said = [TEXTS[language][2:], TEXTS[language]]
    assert bleu_tokenizer(wanted) == expected
    theirs = sacrebleu.corpus_bleu(said, [wanted], tokenize=expected).score
    assert compute(CorpusBleu, said, wanted)["bleu"] == pytest.approx(theirs, rel=1e-12)


def test_the_language_is_told_by_all_references():
    english = ["Soup is better than salad, and cheaper."] * 5
    assert bleu_tokenizer(english) == "13a"
    assert bleu_tokenizer([*english, "汤"]) == "13a"
    assert bleu_tokenizer([TEXTS["Chinese"], "OK, soup"]) == "zh"
    assert bleu_tokenizer([TEXTS["Korean"], TEXTS["Hindi"]]) == "13a"
    assert bleu_tokenizer([TEXTS["Thai"]]) == "char"
    assert bleu_tokenizer([]) == bleu_tokenizer(["…"]) == "13a"
