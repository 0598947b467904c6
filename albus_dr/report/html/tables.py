"""What an auditor reads: clocks, verifications, limits, sites, steps, and what the run is bound to."""

from __future__ import annotations

from albus_dr.journal.stages import Stage, stages, waited_s
from albus_dr.journal.state import EXPIRY
from albus_dr.report.findings import (
    clock_label,
    clock_start,
    distance_km,
    format_moment,
    format_seconds,
    level_meaning,
    limits,
    ordered_clocks,
    restored_points,
    seconds_between,
    step_mark,
    unmeasured,
    verdict_mark,
)
from albus_dr.report.html.page import Page, e, marked, quoted, table, ul, value
from albus_dr.report.phrases import NOT_MEASURED
from albus_dr.report.proof import proof


def clocks(page: Page) -> str:
    """Every clock in order, with its distance from the one that the recovery time counts from."""
    begin = clock_start(page.state)
    start = page.plain("start.declaration" if page.state.clock == "declaration" else "start.disruption")
    by_clock = {stage.clock: stage for stage in stages(page.state)}
    budgets = bool(page.state.budgets)
    rows = []
    for number, (key, at) in enumerate(ordered_clocks(page.state), 1):
        after_s = seconds_between(begin, at)
        stage = by_clock.get(key)
        rows.append(
            [
                page.words.number(number) if at is not None else "–",
                e(clock_label(key, page.words, operation=page.state.operation)),
                value(format_moment(at, page.words), at is not None),
                "–" if at == begin is not None else value(format_seconds(after_s, page.words), after_s is not None),
                e(page.words.duration(stage.took_s)) if stage else "–",
                *([_budget(page, key, stage)] if budgets else []),
            ]
        )
    head = page.head("clocks", start=start) + ([page.plain("clocks.budget")] if budgets else [])
    waited = waited_s(page.state)
    said = "" if waited is None else f"<p>{page.say('clocks.waited', time=page.words.duration(waited))}</p>"
    return said + table("clocks", head, rows)


def _budget(page: Page, key: str, stage: Stage | None) -> str:
    """What the runbook allows the stretch that this clock ends, and whether it was kept."""
    budget_s = page.state.budgets.get(key.removesuffix("_at"))
    if budget_s is None:
        return "–"
    if stage is None:
        return e(page.words.duration(budget_s))
    phrase, verdict = ("clocks.over", "failed") if stage.is_over else ("clocks.within", "passed")
    mark = verdict_mark(verdict, page.words)
    return marked(mark, page.plain(phrase, budget=page.words.duration(budget_s)))


def proof_of_each(page: Page) -> str:
    """How far the proof goes for each workload, and what was not verified of it."""
    rows = [[e(cell) for cell in row] for row in proof(page.state, page.words)]
    return table("proof", page.head("proof"), rows)


def verifications(page: Page) -> str:
    """What was compared: what should be there and what was."""
    if not page.state.verifications:
        return f"<p>{page.say('verifications.none')}</p>"
    rows = [
        (
            e(found.workload),
            quoted(page, found.kind),
            f"<code>{quoted(page, found.expected)}</code>",
            f"<code>{quoted(page, found.actual)}</code>" if found.actual else page.say("nothing"),
            marked(verdict_mark(found.verdict, page.words)),
        )
        for found in page.state.verifications
    ]
    return table("verifications", page.head("verifications"), rows)


def destruction(page: Page) -> str:
    """Where restored data went, and when it was seen gone."""
    rows = [
        (
            e(made.workload) or page.say("destruction.target"),
            e(f"{made.site}: {made.path}"),
            value(format_moment(made.announced_at, page.words), made.announced_at is not None),
            value(format_moment(made.destroyed_at, page.words), True)
            if made.destroyed_at
            else page.say("destruction.not"),
            page.say("destruction.expiry") if made.destroyed_by == EXPIRY else e(made.destroyed_by),
        )
        for made in page.state.creations
    ]
    how = f"<p>{page.say('destruction.how')}</p>" if any(made.destroyed_at for made in page.state.creations) else ""
    return how + table("destruction", page.head("destruction"), rows)


def not_shown(page: Page) -> str:
    """What was not measured, and what a run of this kind can't show."""
    gaps, beyond = ul(unmeasured(page.state, page.words)), ul(limits(page.state, page.words))
    return (f"<h3>{page.say('unmeasured')}</h3>{gaps}" if gaps else "") + beyond


def sites(page: Page) -> str:
    """Where both sites stand, and who hosts them."""
    state = page.state
    rows = []
    for name, role in ((state.source, "role.source"), (state.target, "role.target")):
        site = state.sites.get(name)
        facts = site if isinstance(site, dict) else {}
        given = [
            e(facts[key]) if facts.get(key) else page.say("not_given")
            for key in ("country", "provider", "account", "certificate")
        ]
        place = _coordinates(page, facts.get("latitude"), facts.get("longitude"))
        rows.append((e(name), page.say(role), place, *given))
    apart = distance_km(state)
    said = page.say("distance.none")
    if apart is not None:
        said = page.say("distance", distance=f"{page.words.number(apart)}\N{NO-BREAK SPACE}km")
    return f"<p>{said}</p>" + table("sites", page.head("sites"), rows)


def _coordinates(page: Page, latitude: object, longitude: object) -> str:
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return page.say("not_given")
    north, east = "north" if latitude >= 0 else "south", "east" if longitude >= 0 else "west"
    degrees = [f"{page.words.number(abs(angle), 4)}°" for angle in (latitude, longitude)]
    return f"{e(degrees[0])} {page.say(north)}, {e(degrees[1])} {page.say(east)}"


def steps(page: Page) -> str:
    """Every step in figures."""
    rows = [
        (
            f"<code>{e(step.id)}</code>",
            e(step.action),
            e(step.site or "–"),
            value(format_moment(step.started_at, page.words), step.started_at is not None),
            value(format_seconds(step.duration_s, page.words), step.duration_s is not None),
            page.words.number(step.attempts),
            marked(step_mark(step.status, step.adopted, page.words)),
        )
        for step in page.state.steps.values()
    ]
    return table("steps", page.head("steps"), rows)


def identity(page: Page) -> str:
    """Who ordered it, which plan it is bound to, and the journal that all of this was drawn from."""
    state, words = page.state, page.words
    pairs: tuple[tuple[str, object], ...] = (
        ("run", state.run),
        ("runbook", state.runbook),
        ("scenario", state.scenario or page.plain("not_given")),
        ("operator", state.operator or page.plain("not_given")),
        ("digest", state.plan_digest),
        ("level", level_meaning(state, words)),
        ("exit", words.say(NOT_MEASURED) if state.exit_code is None else state.exit_code),
        ("resumed", page.plain("times", count=words.number(state.resumed))),
        ("events", words.number(state.events)),
        ("hash", state.last_hash),
    )
    if points := restored_points(state, words):
        pairs = (*pairs[:5], ("restored", points), *pairs[5:])
    rows = "".join(f"<div><dt>{page.say(f'identity.{name}')}</dt><dd>{e(text)}</dd></div>" for name, text in pairs)
    return f'<dl class="pairs identity">{rows}</dl>'
