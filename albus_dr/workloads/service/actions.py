"""What the steps of an application do."""

from __future__ import annotations

import re
from typing import cast

from albus_dr.errors import StepError, TransientError, UsageError
from albus_dr.runbook.config import ServiceConfig
from albus_dr.tools import http
from albus_dr.tools.host import Host, free_port
from albus_dr.workloads import access, site
from albus_dr.workloads.http_checks import ask
from albus_dr.workloads.service import Model
from albus_dr.workloads.service.opened import verify_opened
from albus_dr.workloads.service.rehearsal import rehearse, verify_rehearsed
from albus_dr.workloads.step import Action, Facts, Observation, State, StepContext, Verification

QUICK_S = 15.0


def _model(ctx: StepContext) -> Model:
    return cast(Model, ctx.workload)


def _service(ctx: StepContext) -> tuple[Host, ServiceConfig]:
    config = ctx.site.services[_model(ctx).service]
    return access.host(ctx, ctx.spec.site, config.host), config


def _is_running(ctx: StepContext) -> State:
    host, config = _service(ctx)
    argv = ("systemctl", "is-active", "--quiet", config.systemd) if config.systemd else tuple(config.status or ())
    code = host.run(argv, timeout_s=QUICK_S).code
    if code == 0:
        return State.DONE
    return State.NOT_DONE if code in (3, 4) else State.UNKNOWN  # LSB and systemctl(1): 3 not running, 4 no such unit


def _observe_started(ctx: StepContext) -> Observation:
    return Observation(_is_running(ctx), "by its status command")


def _observe_stopped(ctx: StepContext) -> Observation:
    host, config = _service(ctx)
    if config.systemd:  # one that is about to be started again is as little active as one that was stopped
        said = host.run(("systemctl", "is-active", config.systemd), timeout_s=QUICK_S).stdout.strip()
        if said.endswith("ing"):  # activating, deactivating, reloading, refreshing
            return Observation(State.NOT_DONE, f"systemd says that it is {said}")
    opposite = {State.DONE: State.NOT_DONE, State.NOT_DONE: State.DONE, State.UNKNOWN: State.UNKNOWN}
    return Observation(opposite[_is_running(ctx)], "by its status command")


def _start(ctx: StepContext) -> Facts:
    host, config = _service(ctx)
    argv = ("systemctl", "start", config.systemd) if config.systemd else tuple(config.start or ())
    host.run(argv, timeout_s=ctx.remaining_s, cancelled=ctx.cancelled).check(
        f"{ctx.spec.workload} did not start at {ctx.spec.site}"
    )
    return {}


def _stop(ctx: StepContext) -> Facts:
    host, config = _service(ctx)
    argv = ("systemctl", "stop", config.systemd) if config.systemd else tuple(config.stop or ())
    host.run(argv, timeout_s=ctx.remaining_s, cancelled=ctx.cancelled).check(
        f"{ctx.spec.workload} did not stop at {ctx.spec.site}"
    )
    if _is_running(ctx) is not State.NOT_DONE:
        raise StepError(f"{ctx.spec.workload} at {ctx.spec.site} was stopped and still runs")
    return {}


def _wait_until_healthy(ctx: StepContext) -> Facts:
    _, config = _service(ctx)
    http.wait_for(config.url.rstrip("/") + config.health, status=200, timeout_s=ctx.remaining_s - 1)
    return {}


def _verify(ctx: StepContext, facts: Facts) -> tuple[Verification, ...]:
    _, config = _service(ctx)
    return ask(ctx, _model(ctx).verify, config.url)


# --- the drill's copy ---------------------------------------------------------------------------------------------


def _start_copy(ctx: StepContext) -> Facts:
    """On the restored data, in the drill's directory, marked so that cleanup finds it whatever happens to us."""
    _, config = _service(ctx)
    if config.drill is None:
        raise UsageError(
            f"sites.{ctx.spec.site}.services.{_model(ctx).service} has no drill:", hint="say how a drill starts a copy"
        )
    host, directory = site.drill_host(ctx), f"{site.drill_directory(ctx)}/{ctx.spec.workload}"
    site.fresh_directory(ctx, directory)
    port = free_port(host)
    places = {"port": str(port), "dir": directory}
    for need in _model(ctx).needs:
        restored = ctx.facts_of(f"{need}.restore")
        places[need] = restored.get("uri") or restored.get("path") or ""
    argv = tuple(part.format_map(places) for part in config.drill.command)
    variables = {key: text.format_map(places) for key, text in config.drill.environment.items()}
    script = 'cd "$0" && umask 077 && setsid "$@" </dev/null >"$0/log" 2>&1 &'
    host.run(
        ("sh", "-c", script, directory, *argv), timeout_s=QUICK_S,
        environment={**variables, "ALBUS_DR_DRILL": site.drill_directory(ctx)},
    ).check(f"the copy of {ctx.spec.workload} can't be started")  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        http.wait_for(url + config.drill.health, status=200, timeout_s=ctx.remaining_s - 5, host=host)
    except TransientError as error:
        said = host.run(("tail", "-n", "50", f"{directory}/log"), timeout_s=QUICK_S).stdout
        raise StepError(
            f"{ctx.spec.workload}: the copy did not become healthy: {error.message}; its log names {_errors_in(said)}",
            hint="start its command by hand to read the rest: a log may name patients, so it stands in no report and goes "
            "with the drill",
        ) from None
    return {"url": url}


def _errors_in(log: str) -> str:
    """The kinds of errors that a log names, the last ones: what else stands in it may be patients' data, or a secret."""
    kinds = re.findall(r"\b[A-Z][A-Za-z]*(?:Error|Exception|Warning)\b", log)
    return ", ".join(list(dict.fromkeys(reversed(kinds)))[:3]) or "no error"


def _verify_copy(ctx: StepContext, _: Facts) -> tuple[Verification, ...]:
    url, questions = ctx.facts_of(f"{ctx.spec.workload}.start_copy")["url"], _model(ctx).verify
    answers = ask(ctx, questions, url, host=site.drill_host(ctx))
    if not questions and _model(ctx).rehearse:
        return tuple(answers)  # many connect for the first question alone, and that is yet to come
    return (*answers, *verify_opened(ctx, asked=bool(questions)))


def _verify_day(ctx: StepContext, facts: Facts) -> tuple[Verification, ...]:
    worked = verify_rehearsed(ctx, facts, _model(ctx).rehearse)
    return worked if _model(ctx).verify else (*worked, *verify_opened(ctx, asked=bool(facts["answers"])))


ACTIONS = {
    "service.stop": Action(_stop, observe=_observe_stopped),
    "service.start": Action(_start, observe=_observe_started),
    "service.verify": Action(_wait_until_healthy, verify=_verify),
    "service.start_copy": Action(_start_copy, verify=site.verify_isolated),
    "service.verify_copy": Action(lambda ctx: {}, verify=_verify_copy),
    "service.rehearse": Action(
        lambda ctx: rehearse(ctx, _model(ctx).rehearse),
        verify=_verify_day,
    ),
}
