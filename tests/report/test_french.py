"""The French report: every sentence has its French, and nothing on the page escapes the language."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from albus_dr.bench.scenarios import SCENARIOS
from albus_dr.cli import phrases as verbs
from albus_dr.cli.common import load_runbook
from albus_dr.cli.live import phrases as screens
from albus_dr.errors import UsageError
from albus_dr.evidence.envelope import _HINT
from albus_dr.evidence.predicate import _LIMITS, _NOT_OVERWRITTEN
from albus_dr.evidence.profiles import PROFILES
from albus_dr.journal.state import RunState
from albus_dr.plan.build import build
from albus_dr.plan.timetable import _RHYTHMS, timetable
from albus_dr.report import FORMATS, markdown, phrases
from albus_dr.report.findings import LEVELS, limits, unmeasured
from albus_dr.report.french import FRENCH, NARROW, WIDE, typeset
from albus_dr.report.french_demo import DEMO
from albus_dr.report.french_journal import JOURNAL
from albus_dr.report.french_phrases import FINDINGS, PAGE
from albus_dr.report.french_terminal import TERMINAL
from albus_dr.report.html import phrases as page_phrases
from albus_dr.report.words import Words, words_of
from albus_dr.runbook.loader import load
from albus_dr.runbook.model import OPERATIONS
from albus_dr.safety.guard import _ALLOWED_STILL, _WHO
from albus_dr.tools.guarded import _AGAIN, _TOO_LATE
from albus_dr.tools.inventory import _EXTRAS, TOOLS
from albus_dr.workloads.registry import kinds
from tests.report.run_states import ALL, failed_drill, passed
from tests.report.spoken import FILLED, done_by_schedule, found_by_status, refused_by_verify, sentences, told_by_guard
from tests.report.test_report_html import Page
from tests.workloads.test_derivation import PHASES, derive

TOP = Path(__file__).parent.parent.parent
UNTOLD = {"", "X: X", "X is X", "GET X", "POST X"}  # values alone, and what a runbook asks for


def said_of_itself() -> set[str]:
    """Every phrase and every column's title of the reports for people."""
    columns = [*page_phrases.COLUMNS.values(), *markdown.COLUMNS.values()]
    found = {*phrases.PHRASES.values(), *page_phrases.PHRASES.values(), *markdown.PHRASES.values()}
    found |= {title for titles in columns for title in titles} | {phrases.NOT_MEASURED}
    found |= set(re.findall(r'words\.say\("([^"]+)"', Path(markdown.__file__).read_text(encoding="utf-8")))
    told = {scenario.tells for scenario in SCENARIOS.values()}
    return (found | told | {*screens.PHRASES.values(), *verbs.PHRASES.values()}) - {""}


def titles() -> set[str]:
    """Of every step that the kinds derive and that every operation has."""
    found = {
        step.title for kind, operation in PHASES for phase in vars(derive(kind, operation)).values() for step in phase
    }
    loaded = load(
        TOP / "playbooks/albus.yaml",
        TOP / "configs/demo.yaml",
        kinds=kinds(),
        environment={},
        require_environment=False,
    )
    for operation in OPERATIONS:
        plan = build(loaded.runbook, operation, source="strasbourg", target="bordeaux", kinds=kinds())
        found |= {step.title for step in plan.steps if not step.action.startswith("own.")}
    return found


def test_every_phrase_has_its_french_and_no_french_is_left_over() -> None:
    assert said_of_itself() == {*FINDINGS, *PAGE, *TERMINAL, *DEMO}


def test_every_title_of_a_step_has_its_french() -> None:
    assert len(titles()) > 50
    assert sorted(title for title in titles() if FRENCH.retold(title) == title) == []


def test_every_sentence_that_goes_into_the_journal_has_its_french() -> None:
    found = set(sentences())
    assert len(found) > 60
    assert [each for each in sorted(found) if each[1] not in UNTOLD and not FRENCH.knows(each[1])] == []


# Not for people: results, kinds of workloads, PostgreSQL's own words, arguments, and pieces that are put into sentences.
CODES = {
    "t", "off", "local", "sync", "quorum", "test", "-d", "systemctl", "is-active", "--quiet", "postgres", "files", "service",
    "traffic", "ready", "maint", "drain", "synchronous", "drill", "overdue", "objective_missed", "compliant", "unknown", "_at",
    "disrupted_at", "declared_at",
}  # fmt: skip


def test_everything_that_status_finds_has_its_french() -> None:
    found = set(found_by_status()) - CODES - UNTOLD - {"X at X", "X ended with X: X"}
    assert {"draining", "there is none", "no drill has passed yet"} < found
    # Some begin with the workload alone, others with the workload at a site.
    told = {text: {FRENCH.retold(text), FRENCH.retold(text.replace("X: ", "X at X: ", 1))} for text in found}
    assert sorted(text for text, french in told.items() if french <= {text, text.replace("X: ", "X at X: ", 1)}) == []


def test_why_a_door_is_open_has_its_french() -> None:
    for why in ("the primary was never changed", "it is the primary in epoch 2, by S3 at https://s3.example/w"):
        assert FRENCH.retold(why) != why


def test_everything_that_schedule_says_has_its_french() -> None:
    done = set(done_by_schedule()) - {"the empty crontab can't be removed"}  # an error
    assert {"wrote X", "removed from the crontab: X"} < done
    runbook = load_runbook(TOP / "playbooks/albus.yaml", None, acts=False).runbook
    drill = timetable(runbook)[-1]
    found = {each.replace("X", "/X", 1) for each in done} | {each.words for each in _RHYTHMS} | {drill.reason}
    assert sorted(text for text in found if FRENCH.retold(text) == text) == []


def test_everything_that_the_guard_says_has_its_french() -> None:
    found = set(told_by_guard()) | {_ALLOWED_STILL, _WHO, _AGAIN, _TOO_LATE}
    found -= {"X is primary in epoch X", "epoch X, primary X"}  # of what is allowed, and not told
    # Pieces that are put together in the source, as they are told.
    for piece, whole in (
        ("the lease of X s could not be renewed: ", "ended what it guarded: the lease of 9 s could not be renewed: X"),
        ("ended what it guarded: XX", "ended what it guarded: X"),
        ("the witness speaks of X (X), not of X", "the witness speaks of X (X and X), not of X"),
    ):
        found.remove(piece)
        found.add(whole)
    assert {"X is the primary in epoch X, since X", "starts as a standby: X has standby.signal"} < found
    assert sorted(text for text in found if FRENCH.retold(text) == text) == []


@pytest.mark.parametrize(
    "why",
    [
        "bordeaux is the primary in epoch 2, since failover-1",
        "failover-1 is changing the primary: it has claimed bordeaux",
        "the witness's epoch went backwards: 1, after 7",
    ],
)
def test_a_reason_of_the_guard_is_told_as_a_whole(why: str) -> None:
    """A reason that begins with a name must not take what stands before it for one."""
    told = FRENCH.retold(f"not started: {why}; epoch 2 began at 2026-11-24 22:49:49 UTC with failover-1")
    assert told == typeset(
        f"non démarré : {FRENCH.retold(why)} ; l'époque 2 a commencé le 24/11/2026 à 22:49:49{WIDE}UTC avec failover-1"
    )
    assert FRENCH.retold(f"ended what it guarded: {why}") == typeset(
        f"a arrêté ce qu'il gardait : {FRENCH.retold(why)}"
    )
    assert why not in told


def test_a_silent_witness_is_told_in_french() -> None:
    for name in ("etcd at http://10.0.0.1:2379", "S3 at https://s3.example/w", "PostgreSQL at db.example:5432"):
        why = ": timeout" if name.startswith("PostgreSQL") else " (timeout)"
        for said in (f"{name} does not answer{why}", f"{name} did not say whether it wrote{why}"):
            told = FRENCH.retold(f"not started: {said}")
            assert told.startswith(f"non démarré{WIDE}: {name.split()[0]} à l'adresse {name.split()[-1]} n")


def test_everything_that_evidence_says_has_its_french() -> None:
    found = {ask.asks for asks in PROFILES.values() for ask in asks} | {*_LIMITS, _NOT_OVERWRITTEN, _HINT}
    found |= set(refused_by_verify()) - {"it is a X"}
    assert "its plan is not the one of its digest" in found
    assert sorted(text for text in found if FRENCH.retold(text) == text) == []


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_what_evidence_does_not_show_is_told_as_the_report_tells_it(make: Any) -> None:
    """The signed file has the English sentences; the report says the same ones from the run."""
    state: RunState = make()
    for state.proof_level in LEVELS:
        found = [*unmeasured(state), *limits(state)]
        assert [FRENCH.retold(text) for text in found] == [*unmeasured(state, FRENCH), *limits(state, FRENCH)]


def test_every_clock_that_is_missing_has_its_french() -> None:
    state = passed()
    state.clocks = dict.fromkeys(state.clocks)
    (found,) = [text for text in unmeasured(state) if text.startswith("Clocks: ")]
    assert FRENCH.retold(found) in unmeasured(state, FRENCH)
    assert found.count(", ") > 5


def test_everything_that_the_doctor_says_has_its_french() -> None:
    found = {text for tool in TOOLS for text in (tool.needed_for, *tool.get.values())} | {*_EXTRAS.values()}
    found |= {"albus-dr itself", "not found", "0.14.0 is too old", "does not run: X", "does not say its version"}
    found |= {"pg_dump not found beside it", "does not run: it ended with 3", "pip install . in the checkout"}
    found |= {f"pip install '.[{extra}]' in the checkout" for extra in _EXTRAS}
    command = re.compile(r"(?:apt-get|dnf|brew) install [\w@ -]+")
    assert sorted(text for text in found if not command.fullmatch(text) and FRENCH.retold(text) == text) == []


@pytest.mark.parametrize(
    "catalogue", [FINDINGS, PAGE, TERMINAL, DEMO, JOURNAL], ids=["findings", "page", "terminal", "demo", "journal"]
)
def test_both_sides_of_a_catalogue_have_the_same_gaps(catalogue: dict[str, str]) -> None:
    def gaps(text: str) -> list[str]:
        return sorted(re.findall(r"\{(\w+)\}", text))

    assert {english for english, french in catalogue.items() if gaps(english) != gaps(french)} == set()


def test_french_is_set_with_its_own_spaces() -> None:
    assert typeset("« a » : b ; c ?") == f"«{NARROW}a{NARROW}»{WIDE}: b{NARROW}; c{NARROW}?"
    everything = [*FINDINGS.values(), *PAGE.values(), *TERMINAL.values(), *DEMO.values(), *JOURNAL.values()]
    assert [french for french in everything if re.search(r"\w[:;!?»]|«\w", french)] == []


class Marked(Words):
    """A language in which everything that was said in it can be seen."""

    code = "xx"

    def say(self, english: str, /, **values: object) -> str:
        return "§"

    def retold(self, english: str) -> str:
        return "§"

    def duration(self, seconds: float, *, beside: float | None = None) -> str:
        return "§"

    def moment(self, at: datetime) -> str:
        return "§"


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
@pytest.mark.parametrize("form", ["html", "markdown"])
def test_nothing_in_a_report_is_said_past_the_language(form: str, make: Any) -> None:
    state: RunState = make()
    text = FORMATS[form](state, Marked())
    if form == "html":
        page = Page(text)
        spoken = [attributes.get(name) for _, attributes in page.elements for name in ("aria-label", "data-label")]
        text = " ".join([page.text, *filter(None, spoken)])
    for known in sorted(map(str, _names(state)), key=len, reverse=True):
        text = text.replace(known, "")
    text = re.sub(r"\bkm\b|\bL\d\b|§", "", text.replace("\\", ""))
    assert re.findall(r"[A-Za-z]{2,}", text) == []


def _names(state: RunState) -> list[str]:
    """What is nobody's language: names, ids, addresses, and what programs said."""
    steps = [
        name for step in state.steps.values()
        for name in (step.id, step.action, step.site, step.workload, step.error, step.hint, step.title)
    ]  # fmt: skip
    sites = [str(fact) for site in state.sites.values() if isinstance(site, dict) for fact in site.values()]
    named = [
        state.run,
        state.runbook,
        state.source,
        state.target,
        state.plan_digest,
        state.last_hash,
    ]
    made = [text for each in state.creations for text in (each.path, each.host, each.destroyed_by)]
    described = [state.description] if isinstance(state.description, str) else state.description.values()
    return list(
        filter(
            None, [*made, *described, *named, state.scenario, state.operator, *steps, *sites, *state.rpa_by_workload]
        )
    )


def test_what_the_journal_says_is_told_in_french() -> None:
    assert FRENCH.retold("Prove that strasbourg can't write") == "Prouver que strasbourg ne peut plus écrire"
    told = FRENCH.retold(
        "patients is unprotected since 2026-11-24 22:49:49 UTC, until strasbourg is back and `albus-dr reprotect` has "
        "passed: bordeaux has no standby, and commits wait for nobody"
    )
    assert f"depuis le 24/11/2026 à 22:49:49{WIDE}UTC" in told
    told = FRENCH.retold(
        "patients at bordeaux: 1,204 rows written there alone; listed in /a, the whole directory is kept in /b"
    )
    assert f"1{NARROW}204 lignes écrites là seulement" in told
    assert FRENCH.retold("the expression can't be applied: the body is nested too deeply") == (
        f"l'expression ne peut être appliquée{WIDE}: le corps de la réponse a trop de niveaux imbriqués"
    )
    assert FRENCH.retold("recovered after 1 h 30 min; the objective is 4.5 s") == (
        f"rétabli après 1{WIDE}h{WIDE}30{WIDE}min{NARROW}; l'objectif est 4,5{WIDE}s"
    )


def test_a_reason_that_quotes_a_sentence_is_told_as_a_whole() -> None:
    """A sentence that begins with a workload's name must not take what stands before it for a name."""
    lost = "patients: strasbourg was the primary before, and has not followed since: what was written at the other site meanwhile is lost"
    told = FRENCH.retold(f"patients.ready_to_promote failed: {lost}").replace(WIDE, " ")
    assert told.startswith(
        "patients.ready_to_promote a échoué : patients : strasbourg était le site principal auparavant"
    )


def test_figures_and_moments_are_french() -> None:
    assert FRENCH.number(1234567.891, 2) == f"1{NARROW}234{NARROW}567,89"
    assert FRENCH.duration(2.3104) == f"2,3{WIDE}s"
    assert FRENCH.duration(2 * 86400 + 3 * 3600) == f"2{WIDE}j{WIDE}3{WIDE}h"
    assert FRENCH.moment(datetime(2026, 1, 31, 9, 14, 3, 120_000, tzinfo=UTC)) == f"31/01/2026 à 09:14:03,120{WIDE}UTC"


def test_an_own_steps_name_stays_its_authors() -> None:
    state = passed()
    first = state.steps["run.preflight"]
    state.steps["run.preflight"] = replace(first, action="own.run", title="The door answers")
    assert "The door answers" in FORMATS["html"](state, FRENCH)


def test_what_a_program_said_is_quoted_and_marked_as_english() -> None:
    html = FORMATS["html"](failed_drill(), FRENCH)
    assert '<html lang="fr">' in html
    assert '<span lang="en">restic ended with code 12: wrong password or no key found</span>' in html


def test_a_language_without_a_catalogue_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no language de"):
        words_of("de")


def test_a_sentence_for_every_value_that_is_filled_in() -> None:
    assert FRENCH.knows(f"SHA-256 of {FILLED} files")
    assert not FRENCH.knows("a sentence that nobody has put into French")


def test_what_an_answer_must_hold_is_told_part_by_part() -> None:
    expected = "status 201, length(visits) > `0`, contains 'ok', gives min_by(visits, &id).id, gives invoice"
    told = FRENCH.retold(expected)
    assert told == "statut 201, length(visits) > `0`, contient 'ok', donne min_by(visits, &id).id, donne invoice"
