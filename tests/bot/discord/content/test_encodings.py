import codecs
import random
import struct

import pytest

from bot.discord.content.encodings import decoded

TEXTS = {
    "english": "Hello world, how are you?\nFine.",
    "german": "Grüße aus München,\nschöne Straße",
    "russian": "Привет, как дела? Сегодня хорошая погода.",
    "chinese": "你好，世界。今天天气很好。\n我们去公园吧。",
    "japanese": "こんにちは世界。今日は",
    "korean": "안녕하세요 세계",
    "hebrew": "שלום עולם",
    "emoji": "😀 fun",
}
UNICODE = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("encoding", UNICODE)
def test_unicode_in_all_its_forms(encoding: str, text: str):
    assert decoded(text.encode(encoding)) == text


@pytest.mark.parametrize("mark", ["BOM_UTF16_BE", "BOM_UTF16_LE", "BOM_UTF32_BE", "BOM_UTF32_LE"])
def test_every_mark_is_known(mark: str):
    encoding = mark.removeprefix("BOM_").lower().replace("f", "f-").replace("_", "-")
    assert decoded(getattr(codecs, mark) + "früh".encode(encoding)) == "früh"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("latin-1", "Tea is früh,\nat five."),
        ("latin-1", "naïve café"),
        ("cp1252", "“Où est la bibliothèque?” Ça va — merci, it’s 5 €…"),
        ("cp1252", "El niño comió piñas mañana, ¿no?"),
        ("cp1250", "Zażółć gęślą jaźń. Pchnąć w tę łódź jeża lub ośm skrzyń fig."),
        ("cp1251", "Привет, как дела? Сегодня хорошая погода."),
        ("cp1253", "Καλημέρα κόσμε, τι κάνεις σήμερα;"),
        ("shift_jis", "こんにちは世界。今日はいい天気ですね。"),
        ("gb18030", "你好,世界。今天天气很好。我们去公园吧。"),
        ("euc_kr", "안녕하세요 세계. 오늘 날씨가 좋네요."),
    ],
)
def test_older_encodings(encoding: str, text: str):
    assert decoded(text.encode(encoding)) == text


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n",
        b"%PDF-1.7\nhello",
        b"PK\x03\x04 hello",
        b"GIF89a hello",
        b"\x7fELF hello",
        b"MZ\x00\x01\x00\x02 hello",
        b"\x00\x01\x02 hello",
        random.Random(1).randbytes(4096),
        struct.pack("<300f", *(0.1 * n for n in range(300))),
        struct.pack("<300h", *range(300)),
        struct.pack("<300i", *range(300)),
        codecs.BOM_UTF16_LE + random.Random(2).randbytes(501),
    ],
)
def test_what_is_no_text(data: bytes):
    assert decoded(data) is None


def test_a_character_that_was_cut_is_left_out():
    assert decoded("früh".encode()[:3], is_cut=True) == "fr"
    assert decoded("日本語".encode("utf-16")[:5], is_cut=True) == "日"
    assert decoded("früh".encode()[:3]) == "frÃ", "whole, it is no UTF-8"


def test_colours_of_a_terminal_are_no_text():
    assert decoded(b"\x1b[31mred\x1b[0m and plain") == "red and plain"


def test_a_broken_character_does_not_spoil_the_others():
    data = ("Grüße, Привет. " * 20).encode() + b"\xff!"
    text = decoded(data)
    assert text is not None
    assert text.startswith("Grüße, Привет.")
    assert text.endswith("\ufffd!")
