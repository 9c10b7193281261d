"""A file that cannot be prepared is one line, exit code 1, and nothing half-written."""

import pytest

from training.__main__ import main

HEAD = "Comment,Response\n"
BIG = "x" * 10_000_000


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("Post,Answer\na,b\n", "lacks comment, reply (or response); it has Post, Answer"),
        (HEAD + 'a,b\n"c,d\ne,f\n', "row 3 (from line 3) has a broken quote"),
        (HEAD + f"a,b\nc,{BIG}\n", "row 3: Response has 10,000,000 characters"),
        (HEAD + "a,b\n\0,d\n", "row 3: Comment holds a NUL"),
        ((HEAD + "Käse,🧀\n").encode()[:-2] + b"\xff\n", "not UTF-8 (byte 23, line 2)"),
        ((HEAD + "a,b\n").encode("utf-16-le"), "try --encoding utf-16-le"),
        (HEAD + "a,\n,b\n", "0 of 2 pairs are left (2 empty)"),
        (HEAD + "a,\n,b\n", "dropped at row 2: reply is empty: a"),
        (HEAD + "a,b\n", "1 of 1 pairs are left (nothing dropped), at least 3 are needed"),
        (HEAD + "a,b\n" * 5, "1 of 5 pairs are left (4 exact duplicates), at least 3"),
        (HEAD + "a,b\n" * 5, "dropped at row 3: a"),
        (HEAD, "0 of 0 pairs are left"),
        ("", "the header lacks comment, reply (or response); it has no column"),
    ],
)
def test_it_is_one_line_and_nothing_is_left(tmp_path, capsys, content, words):
    source, out = tmp_path / "bad.csv", tmp_path / "made" / "out"
    source.write_bytes(content.encode() if isinstance(content, str) else content)
    assert main(["prepare", str(source), "--out", str(out)]) == 1
    shown = capsys.readouterr()
    error = shown.err.splitlines()[-1]
    assert words in error
    assert "bad.csv" in error
    assert shown.out == ""
    assert len(error) < 500
    assert not out.exists()
    assert list(out.parent.iterdir()) == []


def test_strict_takes_no_encoding_for_granted(tmp_path, capsys):
    source = tmp_path / "bad.csv"
    source.write_bytes((HEAD + "Käse,d\n").encode("cp1252"))
    assert main(["prepare", str(source), "--out", str(tmp_path / "out"), "--strict"]) == 1
    assert "not UTF-8 (byte 18, line 2)" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, capsys):
    source = tmp_path / "a.csv"
    source.write_text(HEAD + "".join(f"{n**5},{n**7}\n" for n in range(9)))
    assert main(["prepare", str(source), "--out", str(source / "out")]) == 1
    assert f"{source / 'out'} cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--similarity", "2", "argument --similarity: 2 is not between 0 and 1"),
        ("--similarity", "0", "argument --similarity: 0 is not above 0"),
        ("--min-chars", "-1", "argument --min-chars: -1 is not 0 or more"),
        ("--format", "xml", "argument --format: invalid choice: 'xml'"),
    ],
)
def test_a_wrong_option_is_named(tmp_path, capsys, option, value, words):
    with pytest.raises(SystemExit) as caught:
        main(["prepare", "a.csv", "--out", str(tmp_path / "out"), option, value])
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_options_reach_the_rows(tmp_path, capsys):
    words, source, out = tmp_path / "words.txt", tmp_path / "a.csv", tmp_path / "out"
    words.write_text("parsnip\n")
    rows = "".join(f'{n**5} so,"say "no" {n**7}",t{n},u{n},{n}\n' for n in range(9))
    source.write_bytes(f"Q,A,T,U,S\nI like Parsnip,not me,t,u,9\n{rows}Käse,yes it is,t,u,9\n"
                       .encode("cp1252"))  # fmt: skip
    arguments = [
        "prepare", str(source), "--out", str(out), "--comment-column", "Q", "--reply-column", "A",
        "--thread-column", "T", "--author-column", "U", "--score-column", "S",
        "--encoding", "cp1252", "--quotes", "lenient", "--word-list", str(words),
        "--min-score", "2", "--min-chars", "4", "--max-chars", "30", "--validation", "0.2",
        "--test", "0.2", "--similarity", "0.9", "--group-by", "author", "--seed", "3",
        "--licence", "CC0-1.0", "--consent", "all asked",
    ]  # fmt: skip
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "11 pairs in a.csv" in shown
    assert "2 dropped: low score" in shown
    assert "1 dropped: word list" in shown
    assert (out / "CARD.md").exists()
