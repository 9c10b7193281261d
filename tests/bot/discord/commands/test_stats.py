import io
import struct
import zlib

from PIL import Image

from bot.discord.commands.stats import StatsCommand, report
from bot.discord.commands.stats_plot import MOST_ROWS, described, plot
from bot.ratings.statistics import figures
from data.records import RatingKind, RatingTally
from tests.bot.discord.scene import only, stage_of

GOOD, BAD, FUNNY, ROBOTIC = RatingKind
stage = stage_of(only(StatsCommand))


def one(variant="tuned", good=61, bad=14, answers=150, askers=0):
    counts = {GOOD: good, BAD: bad, FUNNY: 70, ROBOTIC: 4}
    by_askers = {GOOD: askers, BAD: 0, FUNNY: 0, ROBOTIC: 0}
    return figures(RatingTally(variant, answers, counts, 2300.0, by_askers))


def opened(png):
    return Image.open(io.BytesIO(png)).convert("RGB")


def bar_at(image, row, share):
    return image.getpixel((150 + int(share * 460), 92 + 74 * row + 24 + 9))


def is_near(colour, wanted):
    return all(abs(a - b) < 12 for a, b in zip(colour, wanted, strict=True))


BLUE, GREY, WHITE = (0x3B, 0x78, 0xC2), (0xC3, 0xCA, 0xD3), (255, 255, 255)


async def test_the_figures_come_in_words_and_as_a_picture_with_its_words(stage):
    answer, _ = await stage.answered(variant="tuned", total_ms=2000)
    await stage.answered(variant="tuned", total_ms=3000)
    await stage.answered(variant="base", total_ms=500)
    await stage.store.rate(answer.id, str(stage.bob.id), GOOD)
    await stage.store.rate(answer.id, str(stage.ann.id), FUNNY)
    result = await stage.bob.slash(stage.channel, "stats")
    text = result.response.content
    assert "- **tuned**: answers 2, 👍 1, 👎 0, liked 100% (21%–100%)" in text
    assert "😂 per answer 0.50" in text
    assert "median 2.5 s" in text
    assert "not enough votes yet" in text
    assert "by the askers themselves: 👍 1, 👎 0" in text
    assert "Not enough votes yet: two models need 10" in text
    [picture] = result.response.attachments
    assert picture.filename == "ratings.png"
    assert picture.description.startswith("Bar chart of the share of thumbs up, by model. base: no")
    png = await picture.read()
    assert opened(png).size == (760, 284)


async def test_one_variant_and_only_the_last_days(stage):
    await stage.answered(variant="tuned")
    old, _ = await stage.answered(variant="base")
    stage.execute("UPDATE answers SET created_at = '2001' WHERE id = ?", old.id)

    async def text(**options):
        return (await stage.bob.slash(stage.channel, "stats", **options)).response.content

    assert "base" in await text()
    assert "base" not in await text(days=1)
    assert (await text(days=1)).startswith("**Ratings, last 1 day**")
    only = await text(variant="base")
    assert "tuned" not in only
    assert "95 % Wilson" in only
    assert "Nothing has been answered yet" in await text(variant="base", days=30)


async def test_an_unknown_variant_is_refused(stage):
    result = await stage.bob.slash(stage.channel, "stats", variant="gpt")
    [refusal] = result.followups
    assert refusal.ephemeral
    assert "I don't know the model 'gpt'" in refusal.content


async def test_autocomplete(stage):
    found = await stage.bob.autocomplete(stage.channel, "stats", "variant", "tu")
    assert [choice["value"] for choice in found] == ["tuned"]


def test_a_winner_is_named_only_with_enough_votes():
    few, base = one("new", good=9, bad=0), one("base", good=20, bad=31)
    assert "tuned is liked better than base." in report([one(), base, few], None)
    assert "Not enough votes yet" in report([few, base], None)
    assert "- **new**" in report([few], 30)
    assert report([few], None).count("not enough votes yet") == 1


def test_a_report_fits_into_a_message_and_keeps_its_verdict():
    text = report([one(f"variant-{number}") for number in range(60)], None)
    assert len(text) <= 2000
    assert text.endswith("no difference that the votes could show.")
    assert "\n…\n" in text


def test_the_plots_bars_tell_sure_from_unsure():
    image = opened(plot([one(), one("base", 3, 1)]))
    # 61 of 75 is 81 %: blue at 80 %, not at 85 %; beside the whisker in the middle
    assert is_near(bar_at(image, 0, 0.80), BLUE)
    assert is_near(bar_at(image, 0, 0.85), WHITE)
    assert is_near(bar_at(image, 1, 0.10), GREY)
    assert is_near(bar_at(image, 1, 0.80), WHITE)


def test_the_plot_of_nothing_and_of_too_many():
    assert opened(plot([])).size[1] == 92 + 74 + 44
    many = plot([one(f"a-very-long-name-of-a-variant-{number}") for number in range(40)])
    assert opened(many).size[1] == 92 + MOST_ROWS * 74 + 44
    assert len(many) < 120_000


def test_the_png_is_whole():
    png = plot([one(), one("base", 0, 0)])
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    length = struct.unpack(">I", png[8:12])[0]
    assert (
        zlib.crc32(png[12 : 16 + length]) == struct.unpack(">I", png[16 + length : 20 + length])[0]
    )


def test_the_words_say_what_the_picture_shows():
    assert described([one(), one("base", 1, 0), one("new", 0, 0)]) == (
        "Bar chart of the share of thumbs up, by model. "
        "tuned: 81% (71% to 89%) of 75 votes; "
        "base: 100% (21% to 100%) of 1 votes, not enough votes yet; "
        "new: no votes of 150 answers"
    )
    assert described([]).endswith("no answers")
    assert len(described([one("v" * 300)] * 12)) == 1024
