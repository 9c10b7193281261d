"""Files are read as what they are, where that is certain; else it is said what to do."""

import codecs
import tracemalloc

import pytest
import zstandard

from data.errors import DatasetError
from training.sources.lines import lines
from training.sources.packed import ZstdReader

TEXT = "Käse\nand 🧀\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-32"),
    ],
)
def test_a_mark_says_the_encoding(write, content):
    assert list(lines(write("a.csv", content))) == ["Käse\n", "and 🧀\n"]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16-le"])
def test_an_encoding_may_be_said(write, encoding):
    path = write("a.csv", "Käse\n".encode(encoding))
    assert list(lines(path, encoding)) == ["Käse\n"]


@pytest.mark.parametrize(
    ("content", "encoding", "words"),
    [
        ("ok\nKäse\n".encode("latin-1"), None, "is not UTF-8 (byte 4, line 2): save it as UTF-8"),
        (b"x" * 65_535 + "ä\nö".encode() + b"\xe4", None, "(byte 65540, line 2)"),
        ("Käse".encode()[:2], None, "(byte 1, line 1)"),
        (b"a\n\x81", "cp1252", "is not cp1252 (byte 2, line 2)"),
        (codecs.BOM_UTF16_LE + b"a\0\n\0b", None, "is not utf-16 (byte 6, line 2)"),
        ("ab".encode("utf-16-le"), None, "(byte 1), so it is not UTF-8: save it as UTF-8, or try"),
        ("ab".encode("utf-16-be"), None, "--encoding utf-16-be"),
        (b"a", "klingon", "--encoding klingon is not known"),
    ],
)
def test_another_encoding_is_one_line_with_the_byte(write, content, encoding, words):
    with pytest.raises(DatasetError) as caught:
        list(lines(write("bad.csv", content), encoding))
    assert words in str(caught.value)
    assert "bad.csv" in str(caught.value)


def test_a_packed_file_of_several_frames_is_read(write):
    pack = zstandard.ZstdCompressor().compress
    path = write("a.csv.zst", pack(b"one\ntw") + pack(b"o\n") + pack(b""))
    assert list(lines(path)) == ["one\n", "two\n"]


def test_a_window_of_two_gigabytes_is_allowed(write):
    long = zstandard.ZstdCompressionParameters.from_level(1, window_log=31, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=long).compressobj()
    path = write("a.zst", packer.compress(b"one\n") + packer.flush())
    header = zstandard.get_frame_parameters(path.read_bytes())
    assert header.window_size == 2**31
    assert list(lines(path)) == ["one\n"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no zstd", "is no whole Zstandard file (zstd decompress"),
        (zstandard.compress(b"abc" * 1000)[:-3], "(the file ends in the middle): get it again"),
        (zstandard.compress("Käse".encode("latin-1")), "is not UTF-8 (byte 1, line 1)"),
    ],
)
def test_a_broken_packed_file_is_one_line(write, content, words):
    with pytest.raises(DatasetError) as caught:
        list(lines(write("bad.jsonl.zst", content)))
    assert words in str(caught.value)


def test_a_file_of_zeros_is_unpacked_a_little_at_a_time(write):
    path = write("a.zst", zstandard.compress(b"\n" * 300_000_000))
    size = 0
    tracemalloc.start()
    try:
        with ZstdReader(path) as reader:
            while piece := reader.read(1 << 20):
                size += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size == 300_000_000
    assert peak < 100_000_000


def test_a_missing_file_is_named(tmp_path):
    for name in ("none.csv", "none.csv.zst"):
        with pytest.raises(DatasetError, match=rf"{name} cannot be read \(No such file"):
            list(lines(tmp_path / name))
