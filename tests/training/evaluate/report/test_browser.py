"""The page in a real browser, where there is one."""

import pytest

from tests.training.evaluate.report.browser import find_chromium, visit
from training.evaluate.report.page import write_report

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed")
SECTIONS = ["verdict", "plots", "table", "prompts", "test", "method"]


@pytest.mark.parametrize(("dark", "width"), [(False, 1200), (True, 400)])
async def test_the_page_loads_whole_and_alone(evaluation, tmp_path, dark, width):
    write_report(evaluation, tmp_path / "report")
    seen = await visit(tmp_path / "report" / "report.html", dark=dark, width=width)
    assert seen.sections == SECTIONS
    assert "base, tuned" in seen.title
    assert [url for url in seen.requests if not url.startswith(("file:", "data:"))] == []
    assert seen.complaints == []
    assert not seen.overflows
    assert seen.picture.startswith(b"\x89PNG")


async def test_a_page_that_asks_the_network_is_seen(tmp_path):
    (tmp_path / "page.html").write_text(
        "<section id=a><img src='http://localhost:1/x.png'></section><script>oops()</script>"
    )
    seen = await visit(tmp_path / "page.html")
    assert "http://localhost:1/x.png" in seen.requests
    assert "oops is not defined" in "".join(seen.complaints)
    assert seen.sections == ["a"]
