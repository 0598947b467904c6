"""A run as one HTML file for the people who answer for it: no network, no script, readable on a phone and on paper.

Everything that comes from the state goes through ``e``. The page's policy forbids any load, should one slip in.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from albus_dr.journal.state import RECOVERS, RunState
from albus_dr.report.compare import of_a_kind
from albus_dr.report.findings import operation_name, run_mark
from albus_dr.report.html import course, earlier, opening, tables
from albus_dr.report.html.page import Page, section, ul
from albus_dr.report.words import ENGLISH, Words

STYLE = Path(__file__).with_name("report.css")


def render(state: RunState, words: Words = ENGLISH, others: Iterable[RunState] = ()) -> str:
    """The page as text that ends in a line end. ``others``: more runs; those of its kind are put beside it."""
    page = Page(state, words, of_a_kind(state, others))
    title = page.say(
        "title",
        operation=operation_name(state, words),
        runbook=state.runbook,
        verdict=run_mark(state, words).word.lower(),
    )
    return (
        f'<!doctype html>\n<html lang="{words.code}">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n"
        f"<body>\n<main>\n{_body(page)}</main>\n<footer><p>{page.say('foot')}</p></footer>\n</body>\n</html>\n"
    )


def _body(page: Page) -> str:
    state = page.state
    notes = [page.words.retold(note) for note in state.notes]
    left = [page.words.retold(item) for item in state.residue]
    return "".join(
        (
            opening.opening(page),
            opening.wrong(page),
            opening.figures(page),
            section(page, "loss", opening.loss_of_writes(page)),
            section(page, "timeline", course.timeline_of(page)),
            section(page, "clocks", tables.clocks(page)),
            section(page, "earlier", earlier.earlier_runs(page)) if state.operation in RECOVERS else "",
            section(page, "proof", tables.proof_of_each(page)),
            section(page, "verifications", tables.verifications(page)),
            section(page, "residue", ul(left) or f"<p>{page.say('residue.none')}</p>"),
            section(page, "destruction", tables.destruction(page)) if state.creations else "",
            section(page, "notes", ul(notes)) if notes else "",
            section(page, "limits", tables.not_shown(page)),
            section(page, "sites", tables.sites(page)),
            section(page, "steps", tables.steps(page)),
            section(page, "identity", tables.identity(page)),
        )
    )
