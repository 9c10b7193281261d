"""What the report says, in the terminal and on the page, and how it is written."""

import errno
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rich.console import Console

from tests.training.evaluate.report.conftest import BASE, TUNED, make_evaluation
from training.evaluate.metrics.catalogue import BY_KEY
from training.evaluate.report.page import page, write_report
from training.evaluate.report.table import difference, estimate, table
from training.evaluate.report.verdict import Outcome, outcome, outcomes, verdicts
from training.evaluate.result import Estimate, Evaluation


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def tags(text):
    parser = Tags()
    parser.feed(text)
    return parser.found


@pytest.mark.parametrize(
    ("key", "low", "high", "expected"),
    [
        ("position", 0.1, 0.3, Outcome.BETTER),
        ("position", -0.3, -0.1, Outcome.WORSE),
        ("disclaimer", -0.3, -0.1, Outcome.BETTER),
        ("perplexity", 1, 2, Outcome.WORSE),
        ("bleu", -0.1, 0.3, Outcome.UNDECIDED),
        ("bleu", 0.0, 0.3, Outcome.UNDECIDED),
        ("words", 1, 2, Outcome.UNDECIDED),
    ],
)
def test_a_difference_counts_when_its_interval_leaves_0_out(key, low, high, expected):
    found = Estimate(value=(low + high) / 2, low=low, high=high)
    assert outcome(BY_KEY[key], found, 0.05) is expected
    assert outcome(BY_KEY[key], found, 0.0501) is Outcome.UNDECIDED


def test_a_difference_without_interval_counts_by_its_p_value():
    found = Estimate(value=1.5)
    assert outcome(BY_KEY["bleu"], found, 0.01) is Outcome.BETTER
    assert outcome(BY_KEY["bleu"], found, 0.06) is Outcome.UNDECIDED


def test_all_variants_of_a_page_are_corrected_together():
    found = make_evaluation({"base": BASE, "one": TUNED, "two": TUNED})
    values = {"perplexity": Estimate(value=-1.0)}
    differences = tuple(
        each.model_copy(update={"values": values, "p_values": {"perplexity": 0.03}})
        for each in found.differences
    )
    assert outcomes(found.model_copy(update={"differences": differences[:1]})) == {
        ("one", "perplexity"): Outcome.BETTER
    }
    assert set(outcomes(found.model_copy(update={"differences": differences})).values()) == {
        Outcome.UNDECIDED
    }


def test_the_words_say_what_is_claimed_and_what_not(evaluation):
    text = page(evaluation)
    assert "judged over all 12 comparisons of this page together" in text
    assert "does not say that there is none: these 24 rows could not show one" in text
    few = evaluation.model_copy(update={"data": evaluation.data.model_copy(update={"rows": 8})})
    assert "8 test rows cannot show a difference between tuned and base" in page(few)
    assert "With fewer than 20 test rows nothing is called better or worse" in page(few)
    assert "✓" not in page(few).split('id="table"')[1].split("<tbody>", 1)[1].split("</table>")[0]


def test_rows_left_out_are_counted_wherever_rows_are(evaluation):
    assert "24 test rows of d; 1 more left out as too long" in page(evaluation)
    assert table(evaluation).title == "24 test rows of d; 1 more left out as too long"
    whole = evaluation.model_copy(
        update={"data": evaluation.data.model_copy(update={"left_out": 0})}
    )
    assert table(whole).title == "24 test rows of d"
    assert "none left out as too long" in page(whole)


def test_reports_of_other_versions_can_be_read(evaluation):
    new = json.loads(evaluation.model_dump_json())
    new["added"] = new["data"]["added"] = new["differences"][0]["added"] = 1
    assert Evaluation.model_validate(new) == evaluation
    old = json.loads(evaluation.model_dump_json())
    old["format"] = 1
    del old["bleu_tokenizer"]
    for each in old["differences"]:
        del each["p_values"]
    read = Evaluation.model_validate(old)
    assert (read.format, read.bleu_tokenizer) == (1, "13a")
    assert verdicts(read)[0].of(Outcome.BETTER) == []


def test_the_verdict_says_who_is_better_and_at_what(evaluation):
    (verdict,) = verdicts(evaluation)
    assert (verdict.first, verdict.second) == ("base", "tuned")
    assert verdict.sentence == "tuned is better than base, and at nothing shown to be worse"
    reasons = verdict.reasons(Outcome.BETTER)
    assert "disclaims less" in reasons
    assert "takes a position more often" in reasons
    assert reasons.count("shares more words with the test replies") == 1
    assert len(verdict.text()) == 2


def test_the_verdict_says_who_is_worse():
    (verdict,) = verdicts(make_evaluation({"tuned": TUNED, "base": BASE}))
    assert "disclaims more" in verdict.reasons(Outcome.WORSE)
    assert "surprised" in verdict.reasons(Outcome.BETTER)  # the losses go by place, not by name
    assert verdict.sentence == "base is better than tuned at some things, worse at others"
    worse = tuple(verdict.of(Outcome.WORSE))
    alone = replace(verdict, lines=worse)
    assert alone.sentence == "base is worse than tuned, and at nothing shown to be better"
    assert replace(verdict, lines=()).sentence.startswith("These rows show no difference")


def test_the_same_answers_show_no_difference():
    found = make_evaluation({"base": BASE, "again": BASE})
    assert found.differences[0].values["bleu"].value == 0
    (verdict,) = verdicts(found)
    assert [line.measure.key for line in verdict.of(Outcome.BETTER)] == ["perplexity"]


def test_three_variants_are_each_put_beside_the_first():
    found = make_evaluation({"base": BASE, "one": TUNED, "two": TUNED})
    assert [(v.first, v.second) for v in verdicts(found)] == [("base", "one"), ("base", "two")]
    assert len(found.differences) == 3
    assert page(found).count("<svg") == 3


def test_one_variant_alone_has_a_page_too():
    found = make_evaluation({"base": BASE})
    assert verdicts(found) == []
    assert "base alone" in page(found)


def test_values_stand_with_their_intervals():
    share = BY_KEY["position"]
    assert estimate(share, Estimate(value=0.5, low=0.25, high=0.75)) == "50 % (25–75)"
    assert estimate(share, Estimate(value=0.5)) == "50 %"
    found = Estimate(value=-0.2, low=-0.4, high=0.001)
    assert difference(share, found) == "−20 points (−40 to 0)"


def test_the_table_has_every_measure(evaluation):
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115
    console.print(table(evaluation))
    console.file.close()
    text = console.export_text()
    for key in evaluation.variants[0].values:
        assert BY_KEY[key].label in text
    assert "tuned − base" in text
    assert "✓ │" in text
    assert "does not say that there is none" in " ".join(text.split())


def test_the_page_shows_prompts_and_answers_and_runs_nothing_of_them(evaluation):
    text = page(evaluation)
    assert "&lt;script&gt;alert" in text
    assert TUNED[0] in text
    found = tags(text)
    assert not [tag for tag, _ in found if tag in {"script", "img", "iframe", "object", "base"}]
    assert not [name for _, attrs in found for name in attrs if name.startswith("on")]


def test_the_page_needs_nothing_beside_itself(evaluation):
    found = tags(page(evaluation))
    for tag, attrs in found:
        assert "src" not in attrs
        href = attrs.get("href") or "data:,"
        assert href.startswith("data:"), (tag, href)
    style = re.search(r"<style>(.*?)</style>", page(evaluation), re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert "prefers-color-scheme: dark" in style[1]


def test_the_page_says_what_was_not_checked_and_how_good_the_classifier_is(evaluation):
    text = page(evaluation)
    assert "nobody knows what it has seen" in text
    assert re.search(r"disclaimer: precision \d+ % \(\d+–\d+\), recall \d+ %", text)


def test_a_report_is_written_and_read_again(evaluation, tmp_path):
    write_report(evaluation, tmp_path / "a" / "report")
    assert sorted(path.name for path in (tmp_path / "a" / "report").iterdir()) == [
        ".fungpt-output.json", "report.html", "report.json",
    ]  # fmt: skip
    written = (tmp_path / "a" / "report" / "report.json").read_text()
    assert Evaluation.model_validate_json(written) == evaluation
    assert json.loads(written)["sampling"]["seed"] == 0


def test_a_full_disk_leaves_the_old_report(evaluation, tmp_path, monkeypatch):
    write_report(evaluation, tmp_path / "report")
    before = (tmp_path / "report" / "report.html").read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "report.html")

    monkeypatch.setattr("training.evaluate.report.page.page", full)
    with pytest.raises(OSError, match="No space"):
        write_report(evaluation, tmp_path / "report")
    assert (tmp_path / "report" / "report.html").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
