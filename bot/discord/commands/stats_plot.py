"""The ratings' figures as a bar chart, a bar a variant with its 95 % interval. Pure."""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from bot.ratings.statistics import MINIMUM_VOTES, Figures

MOST_ROWS = 12
_SCALE = 2  # drawn larger and then made smaller: smooth edges
_WIDTH, _ROW, _TOP, _BOTTOM = 760, 74, 92, 44
_LEFT, _RIGHT = 150, 610  # where 0 % and 100 % are
_PAPER, _INK, _SOFT, _GRID = "#ffffff", "#1f2328", "#6a737d", "#e3e6ea"
_SURE, _UNSURE = "#3b78c2", "#c3cad3"


def plot(all_figures: Sequence[Figures]) -> bytes:
    """A PNG of a few kilobytes with the first MOST_ROWS variants; takes some milliseconds."""
    rows = all_figures[:MOST_ROWS]
    height = _TOP + _ROW * max(1, len(rows)) + _BOTTOM
    image = Image.new("RGB", (_WIDTH * _SCALE, height * _SCALE), _PAPER)
    pen = _Pen(ImageDraw.Draw(image))
    pen.text(24, 18, "How often each model is liked", 22, _INK)
    pen.text(24, 50, "thumbs up among thumbs up and down, with 95 % Wilson intervals", 14, _SOFT)
    _draw_scale(pen, height)
    for number, one in enumerate(rows):
        _draw_row(pen, _TOP + _ROW * number, one)
    if not rows:
        pen.text(_LEFT + 12, _TOP + 24, "Nothing has been answered yet.", 16, _SOFT)
    file = io.BytesIO()
    small = image.resize((_WIDTH, height), Image.Resampling.LANCZOS)
    small.quantize(64).save(file, "PNG", optimize=True)
    return file.getvalue()


def described(all_figures: Sequence[Figures]) -> str:
    """What the chart shows in words, for people who cannot see it; at most 1,024 characters."""
    parts = [f"{one.variant}: {_share_in_words(one)}" for one in all_figures[:MOST_ROWS]]
    text = "Bar chart of the share of thumbs up, by model. " + "; ".join(parts or ["no answers"])
    return text if len(text) <= 1024 else text[:1023] + "…"


class _Pen:
    """Draws on the large image in the coordinates of the small one."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw
        self._fonts: dict[int, ImageFont.FreeTypeFont | ImageFont.ImageFont] = {}

    def text(
        self, x: float, y: float, text: str, size: int, colour: str, anchor: str = "la"
    ) -> None:
        if size not in self._fonts:
            self._fonts[size] = ImageFont.load_default(size * _SCALE)
        self._draw.text((x * _SCALE, y * _SCALE), text, colour, self._fonts[size], anchor)

    def line(self, x0: float, y0: float, x1: float, y1: float, colour: str, width: int) -> None:
        points = (x0 * _SCALE, y0 * _SCALE, x1 * _SCALE, y1 * _SCALE)
        self._draw.line(points, colour, width * _SCALE)

    def bar(self, x0: float, y0: float, x1: float, y1: float, colour: str) -> None:
        box = (x0 * _SCALE, y0 * _SCALE, max(x0 + 2, x1) * _SCALE, y1 * _SCALE)
        self._draw.rounded_rectangle(box, 3 * _SCALE, colour)


def _draw_scale(pen: _Pen, height: int) -> None:
    bottom = height - _BOTTOM
    for percent in (0, 25, 50, 75, 100):
        x = _x(percent / 100)
        pen.line(x, _TOP - 8, x, bottom, _GRID, 1)
        pen.text(x, bottom + 10, f"{percent} %", 13, _SOFT, "ma")


def _draw_row(pen: _Pen, y: int, one: Figures) -> None:
    middle = y + 24
    sure = one.votes >= MINIMUM_VOTES
    pen.text(_LEFT - 14, middle, _shortened(one.variant), 17, _INK, "rm")
    if one.good_share is not None and one.interval is not None:
        pen.bar(_LEFT, middle - 13, _x(one.good_share), middle + 13, _SURE if sure else _UNSURE)
        low, high = _x(one.interval.low), _x(one.interval.high)
        pen.line(low, middle, high, middle, _INK, 2)
        for end in (low, high):
            pen.line(end, middle - 6, end, middle + 6, _INK, 2)
        pen.text(_RIGHT + 18, middle, f"{one.good_share:.0%}", 20, _INK if sure else _SOFT, "lm")
    votes = f"{one.votes} vote{'s' * (one.votes != 1)}"
    pen.text(_RIGHT + 70, middle, votes, 13, _SOFT, "lm")
    pen.text(_LEFT + 4, middle + 18, _details(one), 13, _SOFT)


def _details(one: Figures) -> str:
    parts = [] if one.votes >= MINIMUM_VOTES else ["not enough votes yet"]
    parts.append(f"{one.answers} answer{'s' * (one.answers != 1)}")
    for name, rate in (("funny", one.funny_rate), ("robotic", one.robotic_rate)):
        if rate is not None:
            parts.append(f"{name} {rate:.2f}")
    if one.median_total_ms is not None:
        parts.append(f"median {one.median_total_ms / 1000:.1f} s")
    return " · ".join(parts)


def _share_in_words(one: Figures) -> str:
    few = "" if one.votes >= MINIMUM_VOTES else ", not enough votes yet"
    if one.good_share is None or one.interval is None:
        return f"no votes of {one.answers} answers"
    low, high = one.interval.low, one.interval.high
    return f"{one.good_share:.0%} ({low:.0%} to {high:.0%}) of {one.votes} votes{few}"


def _shortened(name: str, most: int = 14) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _x(share: float) -> float:
    return _LEFT + share * (_RIGHT - _LEFT)
