"""albus-dr validate: schema and references of a runbook and its config. No network, no secrets."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from albus_dr.cli.common import ConfigOption, JsonOption, LangOption, QuietOption, RunbookArgument
from albus_dr.cli.doubts import doubts
from albus_dr.cli.folding import fitted
from albus_dr.cli.phrases import PHRASES
from albus_dr.errors import ExitCode, UsageError
from albus_dr.report.words import Words, words_of
from albus_dr.runbook.loader import Loaded, load
from albus_dr.runbook.model import own_step_id
from albus_dr.runbook.problems import InvalidRunbook, Problem, nearest
from albus_dr.runbook.yaml_nodes import Keys
from albus_dr.units import great_circle_km
from albus_dr.workloads.registry import kinds

SCHEMA = "albus-dr/validate/1"


def command(
    runbook: RunbookArgument,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    lang: LangOption = "en",
) -> int:
    """Check a runbook and its config: schema and references. No network; every problem at once."""
    words = words_of(lang)
    try:
        loaded = load(runbook, config, kinds=kinds(), environment=os.environ, require_environment=False)
        if hopeless := (*_misplaced(loaded), *_unreadable(loaded)):
            raise InvalidRunbook(hopeless)
    except InvalidRunbook as error:
        if as_json:
            _print_json(runbook, error.problems, ())
        for problem in error.problems:
            print(fitted(str(problem), sys.stderr, rest="  "), file=sys.stderr)
        return ExitCode.USAGE
    found = tuple(doubts(loaded))
    if as_json:
        _print_json(runbook, (), (*loaded.notes, *(doubt.problem for doubt in found)))
    elif not quiet:
        print(fitted(_summary(loaded, words), sys.stdout, rest="  "))
        if loaded.notes:
            print(fitted(unset(loaded, words), sys.stderr, rest="  "), file=sys.stderr)
        for doubt in found:
            print(fitted(words.say(PHRASES[doubt.key], **doubt.values), sys.stderr, rest="  "), file=sys.stderr)
    return ExitCode.PASSED


def _misplaced(loaded: Loaded) -> Iterator[Problem]:
    """Own steps for whose place an operation would be refused, on the very day that it is for."""
    runbook = loaded.runbook
    if not runbook.steps:
        return
    from albus_dr.plan.build import build, misplaced  # only where there are own steps

    sites = {"source": runbook.sites.primary, "target": runbook.sites.secondary}
    for operation in dict.fromkeys(operation for own in runbook.steps for operation in own.in_):
        wrong, known = misplaced(runbook, operation, **sites, kinds=kinds())
        for own in wrong:
            key, place = ("before", own.before) if own.before else ("after", own.after)
            others = [each for each in known if each != own_step_id(own.name)]
            message = f"there is no workload or step {place} in a {operation} to be {key}"
            yield loaded.problem(("steps", runbook.steps.index(own), key), message, nearest(str(place), others))
        if not wrong:
            try:
                build(runbook, operation, **sites, kinds=kinds())
            except UsageError as error:
                yield loaded.problem(("steps",), error.message, error.hint)


def _unreadable(loaded: Loaded) -> Iterator[Problem]:
    """Expressions that nothing could answer: those of the door are asked in no drill, and for the first time on that day."""
    written: dict[Keys, str] = {}
    for name, model in loaded.runbook.workloads.items():
        if model.kind in ("service", "traffic"):  # what another kind calls json is its own
            path: Keys = ("workloads", name)
            written |= _expressions(loaded.positions.runbook.get(*path), path)
    if not written:
        return
    import jmespath

    from albus_dr.workloads.service.request import PLACE

    for path, text in written.items():
        if "rehearse" in path:
            text = PLACE.sub("`0`", text)  # what an earlier request has kept will stand there
        try:
            jmespath.compile(text)
        except (jmespath.exceptions.JMESPathError, ValueError, RecursionError) as error:
            said = str(error).strip().splitlines()[0]
            yield loaded.problem(
                path, f"this is no JMESPath expression: {said}", "for example length(appointments) > `0`"
            )


def _expressions(value: object, path: Keys) -> Iterator[tuple[Keys, str]]:
    """``expect: {json: …}`` and what ``keep:`` names, wherever they stand."""
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in below:
        if isinstance(each, str) and (path[-1:] == ("keep",) or (path[-1:] == ("expect",) and key == "json")):
            yield (*path, key), each
        yield from _expressions(each, (*path, key))


def _print_json(runbook: Path, problems: tuple[Problem, ...], notes: tuple[Problem, ...]) -> None:
    document = {
        "schema": SCHEMA,
        "runbook": str(runbook),
        "valid": not problems,
        "problems": [problem._asdict() for problem in problems],
        "notes": [note._asdict() for note in notes],
    }
    print(json.dumps(document, indent=2))


def _summary(loaded: Loaded, words: Words) -> str:
    sites = loaded.runbook.sites
    here, there = (loaded.config.sites[name].location for name in (sites.primary, sites.secondary))
    km = great_circle_km(here.latitude, here.longitude, there.latitude, there.longitude)
    count = len(loaded.runbook.workloads)
    return words.say(
        PHRASES["validate.valid" if count != 1 else "validate.valid_one"], path=loaded.path, count=words.number(count),
        primary=sites.primary, secondary=sites.secondary, km=words.number(km),
    )  # fmt: skip


def unset(loaded: Loaded, words: Words) -> str:
    """How many variables of the config are not set, and where it begins to use them. ``loaded.notes`` has some."""
    first, count = loaded.notes[0], len(loaded.notes)
    key = "validate.unset" if count != 1 else "validate.unset_one"
    return words.say(PHRASES[key], count=words.number(count), file=first.file, line=first.line)
