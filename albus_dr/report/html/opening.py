"""What a director reads first: the verdict, what went wrong, the figures against what was promised, what was lost."""

from __future__ import annotations

from albus_dr.report.findings import (
    Objective,
    budget_sentence,
    clock_start,
    format_count,
    format_moment,
    format_seconds,
    format_share,
    headline,
    loss,
    objectives,
    older,
    operation_name,
    over_budget,
    run_mark,
    step_mark,
    title_of,
    troubled,
    verdict_mark,
    way,
)
from albus_dr.report.html.page import Page, e, marked, quoted, section, unbroken


def opening(page: Page) -> str:
    """The verdict in a sentence or two."""
    state, words = page.state, page.words
    mark = run_mark(state, words)
    over = page.say("over", operation=operation_name(state, words), runbook=state.runbook, way=way(state, words))
    begin = clock_start(state) or state.clocks.get("started_at")
    when = "" if begin is None else f'<span class="when">{e(format_moment(begin, words))}</span>'
    described = state.description if isinstance(state.description, str) else state.description.get(words.code, "")
    said = f'<p class="lead">{e(described)}</p>' if described else ""
    reason = f'<p class="reason">{quoted(page, state.reason)}</p>' if state.reason else ""
    aside = " ".join(older(state, words))  # of the verdict, and too long for its letters
    title = headline(state, words).removesuffix(aside).rstrip()
    beside = f'<p class="reason">{e(aside)}</p>\n' if aside else ""
    return (
        f'<header class="opening {mark.tone}">\n<p class="over"><span>{over}</span>{when}</p>\n'
        f'<p class="verdict">{marked(mark)}</p>\n<h1>{unbroken(e(title))}</h1>\n{beside}{reason}{said}</header>\n'
    )


def wrong(page: Page) -> str:
    """The steps that failed or whose outcome is unknown, with what to do, and the budgets that were exceeded; or nothing."""
    steps, over = troubled(page.state), over_budget(page.state)
    if not steps and not over:
        return ""
    items = "".join(f"<li><p>{e(budget_sentence(stage, page.words))}</p></li>" for stage in over)
    for step in steps:
        mark = step_mark(step.status, words=page.words)
        hint = f'<p class="hint"><b>{page.say("next")}</b> {quoted(page, step.hint)}</p>' if step.hint else ""
        items += (
            f'<li><h3>{marked(mark)} {e(title_of(step, page.words))}</h3><p class="id">{e(step.id)}</p>'
            f'<pre>{quoted(page, step.error or mark.word)}</pre>{hint}</li>'
        )  # fmt: skip
    return section(page, "wrong", f'<ul class="wrong">{items}</ul>', "alarm")


def figures(page: Page) -> str:
    """Recovery time and recovery point against their objectives, and what users saw."""
    state, words = page.state, page.words
    time, point = objectives(state)
    to = "rto.long.drill" if state.operation == "drill" else "rto.long"
    written = page.say("writes.unmeasured")
    if state.acknowledged_writes is not None:
        written = page.say("writes.long", count=format_count(state.acknowledged_writes, words))
    down_s, lost = state.client_downtime_s, state.lost_writes
    cards = [
        _promise(page, time, page.say(to, clock=page.clock)),
        _promise(page, point, page.say("rpo.long")),
        _figure(page, "downtime", format_seconds(down_s, words), down_s, page.say("downtime.long")),
        _figure(page, "writes", format_count(lost, words), lost, written, "bad" if lost else "none"),
    ]
    return section(page, "figures", f'<div class="figures">{"".join(cards)}</div>')


def _figure(
    page: Page, name: str, text: str, measured: float | None, long: str, tone: str = "none", rest: str = ""
) -> str:
    css = "value" if measured is not None else "value unmeasured"
    return (
        f'<div class="figure {tone}"><h3>{page.say(name)}</h3><p class="{css}">{e(text)}</p>'
        f'<p class="long">{long}</p>{rest}</div>'
    )


def _promise(page: Page, objective: Objective, long: str) -> str:
    words, actual_s = page.words, objective.actual_s
    mark = verdict_mark(objective.verdict, words)
    promised = f"{e(words.duration(objective.promised_s))} ({page.say(f'{objective.key}.short')})"
    lines = [(page.say("promised"), promised)]
    if objective.margin_s is not None and actual_s is not None:
        name_of_rest = "margin" if objective.margin_s >= 0 else "missed_by"
        share = page.say("used", share=format_share(actual_s, objective.promised_s, words))
        lines.append((page.say(name_of_rest), f"{e(words.duration(abs(objective.margin_s)))} <small>{share}</small>"))
    lines.append((page.say("verdict"), marked(mark, page.plain(f"objective.{objective.verdict}"))))
    rest = "".join(f"<div><dt>{term}</dt><dd>{text}</dd></div>" for term, text in lines)
    if objective.stricter_missed:
        long = f"{long}. <b>{page.say('objective.stricter')}</b>"
    text = format_seconds(actual_s, words, beside=objective.promised_s)
    return _figure(page, objective.key, text, actual_s, long, mark.tone, f"<dl>{rest}</dl>")


def loss_of_writes(page: Page) -> str:
    """What users lost of what they had been told was saved, and the newest write found in each workload."""
    said = f'<p class="said">{e(loss(page.state, page.words))}</p>'
    if not page.state.rpa_by_workload:
        return said
    rows = "".join(
        f"<div><dt>{e(name)}</dt><dd>{e(format_seconds(age_s, page.words))}</dd></div>"
        for name, age_s in page.state.rpa_by_workload.items()
    )
    return f'{said}<h3>{page.say("loss.workload")}</h3><dl class="pairs">{rows}</dl>'
