"""The page that a director reads: complete, honest, inert."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pytest

from albus_dr.journal.state import CLOCKS, RunState, StepState, VerificationState
from albus_dr.report import FORMATS
from albus_dr.report.findings import clock_label, has_clock
from albus_dr.report.html import render
from albus_dr.report.words import LANGUAGES, words_of
from tests.report.run_states import ALL, after, bare, failed_drill, in_progress, passed, too_late, unmeasured

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'&\x00\x1b[31m\u202e\ud800{0}"
WORDS_OF_SUCCESS = (
    "Service was back", "drill passed", "Nothing that users", "Every step was done", "made and checked",
    "was verified after", "✓ Passed:",
)  # fmt: skip
VOID = {"meta", "link", "img", "br", "hr", "input", "line", "rect"}


class Page(HTMLParser):
    """The elements of a page, its text by section, and whether every element was closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.sections: dict[str, str] = {}
        self._open: list[str] = []
        self._section = ""
        self.feed(html)
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag == "section":
            self._section = attributes["aria-labelledby"] or ""
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.text += data
        self.sections[self._section] = self.sections.get(self._section, "") + data + " "


def every_state() -> list[Any]:
    return [pytest.param(make(), id=name) for name, make in ALL.items()]


@pytest.mark.parametrize("state", every_state())
def test_page_loads_nothing_and_runs_nothing(state: RunState) -> None:
    html = render(state)
    page = Page(html)
    for tag, attributes in page.elements:
        assert tag not in ("script", "img", "link", "iframe", "object", "embed", "base", "form")
        assert not {"src", "href", "srcset", "action", "style"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
    assert "url(" not in html
    assert "@import" not in html
    assert "default-src 'none'" in html


@pytest.mark.parametrize("state", every_state())
def test_page_is_navigable_without_eyes(state: RunState) -> None:
    page = Page(render(state))
    tags = [tag for tag, _ in page.elements]
    assert dict(page.elements)["html"]["lang"] == "en"
    assert tags.count("h1") == 1
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in page.elements if tag == "th")
    assert all(
        attributes.get("aria-hidden") == "true" or attributes.get("aria-label")
        for tag, attributes in page.elements
        if tag == "svg"
    )
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes} <= set(
        ids
    )


def test_verdict_and_loss_stand_first() -> None:
    text = Page(render(passed())).text
    said = "Service was back after 2.3 s. Nothing that users had been told was saved is lost."
    assert said in re.sub(r"\s+", " ", text)
    assert text.index("Nothing that users") < text.index("Recovery time")


def test_what_the_author_wrote_in_two_languages_is_told_in_the_readers() -> None:
    assert "Appointments and billing" in Page(render(passed())).text
    french = Page(render(passed(), words=words_of("fr"))).text
    assert "Rendez-vous et facturation" in french
    assert "Appointments" not in french
    own = "Documents, in the author's own words"
    one = replace(passed(), description=own)
    assert all(own in Page(render(one, words=words_of(code))).text for code in LANGUAGES)


@pytest.mark.parametrize("state", every_state())
def test_every_clock_step_verification_and_residue_is_there(state: RunState) -> None:
    text = Page(render(state)).text
    for key in (key for key in CLOCKS if has_clock(state, key)):
        assert clock_label(key) in text
    for step in state.steps.values():
        assert step.title in text
        assert step.id in text
        assert (step.error or "") in text
        assert step.hint in text
    for found in state.verifications:
        assert found.kind in text
        assert found.expected in text
        assert found.actual in text
    for words in (*state.residue, *state.notes, state.run, state.plan_digest, state.last_hash, state.reason):
        assert words in text


def test_clocks_are_in_order_with_their_distance_from_the_disruption() -> None:
    state = passed()
    state.clocks["data_recovered_at"] = after(0.5)
    text = Page(render(state)).sections["h-clocks"]
    assert text.index("Data recovered") < text.index("Old primary fenced") < text.index("Clients verified")
    assert "2026-01-31 09:14:05.430 UTC" in text
    assert "610 ms" in text


def test_unmeasured_is_never_zero() -> None:
    page = Page(render(unmeasured()))
    assert page.sections["h-figures"].count("not measured") >= 5
    for section in ("h-figures", "h-loss", "h-clocks", "h-timeline", "h-sites"):
        assert not re.search(r"(?<![\d.])0(?![\d.])", page.sections[section]), section
    for gap in ("Recovery time (RTA)", "Recovery point (RPA)", "Client downtime", "Lost writes", "Verifications"):
        assert gap in page.sections["h-limits"]


def test_a_measured_zero_is_shown_as_zero() -> None:
    state = replace(passed(), client_downtime_s=0.0)
    section = Page(render(state)).sections["h-figures"]
    assert "0 ms" in section
    assert "not measured" not in section


@pytest.mark.parametrize("make", [failed_drill, in_progress, unmeasured, too_late], ids=lambda make: make.__name__)
@pytest.mark.parametrize("form", FORMATS)
def test_a_run_that_did_not_pass_has_no_words_of_success(form: str, make: Any) -> None:
    text = FORMATS[form](make())
    text = re.sub("<[^>]+>", "", text) if form == "html" else text
    assert [words for words in WORDS_OF_SUCCESS if words in text] == []


@pytest.mark.parametrize("exit_code", [None, 1, 3, 4, 5, 6, 7, 8, 10, 130])
@pytest.mark.parametrize("verdict", ["failed", "incomplete", "not_evaluated", "splendid", "PASSED", ""])
def test_full_measurements_do_not_make_a_failed_run_sound_well(verdict: str, exit_code: int | None) -> None:
    state = replace(passed(), verdict=verdict, exit_code=exit_code)
    text = Page(render(state)).text
    assert [words for words in WORDS_OF_SUCCESS if words in text] == []


def test_passed_in_a_run_that_has_not_ended_is_not_a_pass() -> None:
    text = Page(render(replace(passed(), exit_code=None))).text
    assert "Not ended" in text
    assert [words for words in WORDS_OF_SUCCESS if words in text] == []


def test_lost_writes_are_in_the_first_sentence_of_a_failed_run() -> None:
    heading = render(too_late()).split("<h1>")[1].split("</h1>")[0]
    assert "17 of the 1,204 writes" in heading
    assert "5 h 10 min" in heading


def test_a_missed_objective_of_one_workload_is_not_called_kept() -> None:
    state = replace(
        passed(), verdict="failed", exit_code=6, rpa_s=120.0, reason="patients: 2 min; the objective is 1 min"
    )
    section = Page(render(state)).sections["h-figures"]
    assert section.count("kept") == 1
    assert "missed" in section


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
@pytest.mark.parametrize("form", FORMATS)
def test_hostile_strings_stay_text(form: str, make: Any) -> None:
    state = _poisoned(make())
    text = FORMATS[form](state)
    assert "\x1b" not in text
    assert "\x00" not in text
    text.encode("utf-8")
    if form == "html":
        page = Page(text)
        assert not {"script", "img"} & {tag for tag, _ in page.elements}
        assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
        assert "<script>alert(1)</script>" in page.text
    if form == "markdown":
        assert not re.search(r"(?<!\\)<", text)


def _poisoned(state: RunState) -> RunState:
    """The state with every string that comes from outside replaced; the words of the engine itself stay."""
    things: list[RunState | StepState | VerificationState] = [state, *state.steps.values(), *state.verifications]
    for thing in things:
        for field in fields(thing):
            if isinstance(getattr(thing, field.name), str) and field.name not in ("verdict", "status", "clock"):
                setattr(thing, field.name, HOSTILE + field.name)
    state.steps = {HOSTILE + id_: step for id_, step in state.steps.items()}
    state.residue, state.notes, state.description = [HOSTILE], [HOSTILE], HOSTILE
    state.rpa_by_workload = {HOSTILE: 1.0}
    state.scenario = HOSTILE
    state.sites = {state.source: dict.fromkeys(("latitude", "country", "provider", "account"), HOSTILE)}
    return state


def test_timeline_shows_parallel_steps_side_by_side_in_time() -> None:
    html = render(passed())
    bars = dict(re.findall(r'aria-label="([^:"]+): .*?<rect class="bar [^"]*" x="([\d.]+)%"', html))
    assert bars["Promote patients at bordeaux"] == bars["Restore documents at bordeaux"]
    assert float(bars["Prove that strasbourg can&#x27;t write"]) < float(bars["Promote patients at bordeaux"])


def test_rto_line_stands_in_the_timeline_only_where_it_belongs() -> None:
    row = re.compile(r'<svg class="row".*?</svg>', re.DOTALL)
    assert not [svg for svg in row.findall(render(passed())) if 'class="rto"' in svg]
    assert "beyond the right edge" in render(passed())
    assert all('class="rto"' in svg for svg in row.findall(render(too_late())))


def test_scale_bar_is_never_longer_than_the_truth() -> None:
    bar = re.search(r'<rect class="bar good flat" x="0" y="16" width="([\d.]+)%"', render(passed()))
    assert bar is not None
    assert float(bar[1]) == pytest.approx(100 * 2.3104 / 14400, abs=0.001)


def test_a_run_in_which_nothing_happened_is_drawn() -> None:
    assert "No step has begun" in render(bare())
