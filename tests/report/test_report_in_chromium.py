"""The page in a real browser: nothing is loaded, nothing complains, nothing is cut off, everybody can read it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from albus_dr.report import FORMATS
from albus_dr.report.words import LANGUAGES, words_of
from tests.report.run_states import ALL
from tests.report.test_compare import earlier

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed here")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed here")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed here")

WIDTHS = (400, 1600)
OTHERS = [earlier(days) for days in (200, 90, 60, 30, 10, 5)]  # every failover has these beside it
RUNS = [pytest.param(name, code, id=f"{name}-{code}") for name in ALL for code in LANGUAGES]

# What sticks out: of the window, or of a box that cuts it off. What is hidden from the eye on purpose has no size.
STICKS_OUT = """() => {
  const out = [];
  for (const element of document.querySelectorAll("body *")) {
    const box = element.getBoundingClientRect();
    if (box.width <= 1 || box.height <= 1 || element.closest("thead")?.offsetWidth === 1) continue;
    const said = (element.textContent || "").trim().slice(0, 40);
    if (box.left < -1 || box.right > innerWidth + 1) out.push(`${element.tagName} leaves the window: ${said}`);
    const style = getComputedStyle(element);
    if (element instanceof HTMLElement && style.overflowX !== "visible" && element.scrollWidth > element.clientWidth + 1)
      out.push(`${element.tagName} is cut off: ${said}`);
  }
  return out;
}"""
BOXES = """(name) => [...document.querySelectorAll(name)].map(each => {
  const {left, right, top, bottom} = each.getBoundingClientRect();
  return {left, right, top, bottom, text: each.textContent};
})"""
LIGHT_OF = """(property) => {
  const parts = getComputedStyle(document.querySelector("main"))[property].match(/[\\d.]+/g).map(Number);
  return (0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]) / 255;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM)
        yield started
        started.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens a run's page; fails when the page asked for anything, or had a word on the console."""
    heard: list[str] = []
    context = browser.new_context()
    page = context.new_page()
    page.on("console", lambda message: heard.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: heard.append(str(error)))
    path = tmp_path / "report.html"
    page.on("request", lambda request: heard.append(request.url) if request.url != path.as_uri() else None)

    def show(run: str, code: str = "en", *, width: int = 1600, scheme: str = "light", media: str = "screen") -> Any:
        path.write_text(FORMATS["html"](ALL[run](), words_of(code), OTHERS), encoding="utf-8")
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(media=media, color_scheme=scheme)
        page.goto(path.as_uri())
        return page

    yield show
    context.close()
    assert heard == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("run", "code"), RUNS)
def test_nothing_sticks_out_of_the_window(opened: Any, run: str, code: str, width: int) -> None:
    page = opened(run, code, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(STICKS_OUT) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("run", "code"), RUNS)
def test_the_timelines_labels_stand_clear_of_each_other_and_of_the_bars(
    opened: Any, run: str, code: str, width: int
) -> None:
    page = opened(run, code, width=width)
    for name in ("svg.axis text.tick", "svg.axis text.flag"):
        boxes = sorted(page.evaluate(BOXES, name), key=lambda box: box["left"])
        assert [(one["text"], two["text"]) for one, two in pairwise(boxes) if two["left"] < one["right"]] == []
    titles, lanes = page.evaluate(BOXES, ".rows .what"), page.evaluate(BOXES, ".rows .lane")
    assert len(titles) == len(ALL[run]().steps)
    for title, lane in zip(titles, lanes, strict=False):  # a run in which nothing began has no lanes
        beside, above = title["right"] <= lane["left"] + 1, title["bottom"] <= lane["top"] + 1
        assert beside or above, title["text"]
        assert lane["right"] - lane["left"] > 200


@pytest.mark.parametrize(
    ("run", "code", "scheme"),
    [(run, "en", "light") for run in ALL] + [("passed", "fr", "dark"), ("failed_drill", "fr", "dark")],
)
def test_an_accessibility_audit_finds_nothing_serious(opened: Any, run: str, code: str, scheme: str) -> None:
    page = opened(run, code, scheme=scheme)
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], each["impact"], each["nodes"][0]["html"][:200]) for each in found] == []


def test_a_phone_is_audited_too(opened: Any) -> None:
    page = opened("failed_drill", width=400)
    assert [each["id"] for each in axe.Axe().run(page).response["violations"]] == []


def test_the_audit_can_find_something(opened: Any) -> None:
    page = opened("passed")
    page.evaluate("document.querySelector('.caption').style.color = '#ddd'; document.documentElement.lang = ''")
    assert {"color-contrast", "html-has-lang"} <= {each["id"] for each in axe.Axe().run(page).response["violations"]}


def test_dark_is_dark_and_paper_is_white(opened: Any) -> None:
    page = opened("passed", scheme="dark")
    assert page.evaluate(LIGHT_OF, "backgroundColor") < 0.2
    assert page.evaluate(LIGHT_OF, "color") > 0.7
    page = opened("passed", scheme="dark", media="print")
    assert page.evaluate(LIGHT_OF, "color") < 0.2
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"


@pytest.mark.parametrize(("run", "code"), [("passed", "fr"), ("failed_drill", "en"), ("too_late", "fr")])
def test_it_prints_on_a4(opened: Any, run: str, code: str) -> None:
    page = opened(run, code, media="print")
    together = page.evaluate(
        "[...document.querySelectorAll('.rows li, tr, figure, .figures')].every(e => getComputedStyle(e).breakInside === 'avoid')"
    )
    assert together
    printed = page.pdf(prefer_css_page_size=True)
    sizes = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert 2 <= len(sizes) <= 8
    for width, height in sizes:  # 210 by 297 mm, in points of 1/72 inch
        assert (float(width), float(height)) == pytest.approx((595.3, 841.9), abs=1)


def test_the_keyboard_has_nothing_to_trip_over(opened: Any) -> None:
    """It has no links and no controls: what can't be reached by the keyboard is not there."""
    page = opened("failed_drill")
    assert page.evaluate("document.querySelectorAll('a, button, input, select, [tabindex], [onclick]').length") == 0
