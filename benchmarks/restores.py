"""A drill, and its largest part: getting the documents back, cold and onto a warm copy."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from albus_dr.bench.sites import PRIMARY, SECONDARY, Bench
from albus_dr.errors import ExitCode
from albus_dr.plan.build import build
from albus_dr.runbook.loader import Loaded, load
from albus_dr.workloads import files, site
from albus_dr.workloads.registry import kinds
from albus_dr.workloads.step import Facts, RunInfo, StepContext, StepSpec
from benchmarks.harness import TOP, Result, Series, Settings, at_most, ratio, side_by_side
from benchmarks.operations import CONFIG, PLAYBOOK, albus_dr, by_hand, durations, events_of_last_run, sites, told

DRILL_TIMES, RESTIC_RATE, WARM_TIMES = 1.05, 0.97, 8.0
CHANGED = 0.01
GOAL_SIZES = ("medium", "large")
RESTIC_OPTIONS = ("5", "8", "16", "32")
MAKE_EQUAL = ("--overwrite", "if-changed", "--delete")
TIMEOUT_S = 3600.0
MEASURED = (ExitCode.PASSED, ExitCode.OBJECTIVE_MISSED)  # nobody writes here, so the newest write is older than the RPO


@contextmanager
def _replicated(settings: Settings) -> Iterator[Bench]:
    with sites(settings, "r", settings.size) as bench:
        albus_dr(bench, settings.directory / "state", "replicate")
        settings.say("two sites are filled, replicated, and the second has a warm copy")
        yield bench


def drill(settings: Settings) -> tuple[Result, ...]:
    """The whole command beside the whole script, on the same recovery points."""
    with _replicated(settings) as bench:
        return (_drill(settings, bench),)


def documents(settings: Settings) -> tuple[Result, ...]:
    """Two rows, of the same samples: restic's rate, and what a warm copy saves."""
    with _replicated(settings) as bench:
        return _documents(settings, bench)


def _drill(settings: Settings, bench: Bench) -> Result:
    place = bench.sites[SECONDARY].directory / "scratch" / "by-hand"
    state = settings.directory / "state"
    where: list[dict[str, float]] = []

    def ours() -> float:
        took_s = albus_dr(bench, state, "drill", codes=MEASURED)
        where.append(durations(events_of_last_run(state)))
        settings.say(f"drill: {took_s:.1f} s: {told(where[-1:])}")
        return took_s

    series = side_by_side(
        settings.repetitions,
        {
            "albus-dr drill": ours,
            "a script, the same calls": lambda: by_hand(bench, "drill", str(place)),
        },
        warm_up=True,
    )
    figure, is_met = at_most(series[0], series[1], DRILL_TIMES)
    note = f"Medians of albus-dr's steps, some of them side by side: {told(where[1:])}. {_sized(settings, 'drill')}"
    return Result("drill", series, figure, _judged(settings, is_met), (note,))


@dataclass
class Steps:
    """Single steps of a drill and of a failover, called as the engine calls them, without the engine."""

    bench: Bench
    directory: Path
    facts: dict[str, Facts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.loaded: Loaded = load(
            TOP / PLAYBOOK, TOP / CONFIG, kinds=kinds(), environment={**os.environ, **self.bench.environment()}
        )
        self._specs: dict[tuple[str, str], StepSpec] = {
            (operation, step.id): step
            for operation in ("drill", "failover")
            for step in build(self.loaded.runbook, operation, source=PRIMARY, target=SECONDARY, kinds=kinds()).steps
        }

    def run(self, operation: Any, step: str) -> Facts:
        """Act; later steps see the facts."""
        spec = self._specs[operation, step]
        self.facts[step] = {**files.ACTIONS, **site.ACTIONS}[spec.action].act(self._context(operation, spec))
        return self.facts[step]

    def _context(self, operation: Any, spec: StepSpec) -> StepContext:
        info = RunInfo(
            id="bench-1-steps", operation=operation, source=PRIMARY, target=SECONDARY, declared_at=datetime.now(UTC),
            disrupted_at=None, directory=self.directory,
        )  # fmt: skip
        return StepContext(
            spec=spec, run=info, runbook=self.loaded.runbook, config=self.loaded.config, base=self.loaded.path.parent,
            config_base=self.loaded.config_path.parent, facts_of=lambda id_: self.facts.get(id_, {}),
            progress=lambda *_: None, announce=lambda *_: None, cancelled=threading.Event(), deadline=time.monotonic() + TIMEOUT_S,
        )  # fmt: skip


def _documents(settings: Settings, bench: Bench) -> tuple[Result, Result]:
    steps = Steps(bench, settings.directory)
    steps.run("drill", "documents.ready_to_restore")
    snapshot = str(steps.facts["documents.ready_to_restore"]["data_snapshot"])
    warm, original = (bench.sites[name].documents for name in (SECONDARY, PRIMARY))
    empty = settings.directory / "restored"

    def by_step() -> float:
        steps.run("drill", "isolate")
        took_s = _timed(lambda: steps.run("drill", "documents.restore"))
        steps.run("drill", "cleanup")
        return took_s

    def by_restic(connections: str) -> float:
        argv = ("restic", "-q", "-o", f"s3.connections={connections}", "restore", snapshot, "--target", str(empty))
        return _into_empty(empty, lambda: _call(argv, _restic_environment(bench)))

    def by_tar() -> float:
        script = 'mkdir "$1" && tar -C "$0" -cf - . | tar -C "$1" -xpf -'
        return _into_empty(empty, lambda: _call(("sh", "-c", script, str(original), str(empty)), {}))

    def onto_warm() -> float:
        change(warm, CHANGED, random.Random(1))  # noqa: S311  # which files
        return _timed(lambda: steps.run("failover", "documents.take_back"))

    def warm_by_restic() -> float:
        change(warm, CHANGED, random.Random(1))  # noqa: S311  # which files
        argv = ("restic", "-q", "-o", f"s3.connections={best}", "restore", snapshot, "--target", str(warm), *MAKE_EQUAL)
        return _timed(lambda: _call(argv, _restic_environment(bench)))

    by_step()
    tried = {connections: by_restic(connections) for connections in RESTIC_OPTIONS}
    best = min(tried, key=lambda connections: tried[connections])
    series = side_by_side(
        settings.repetitions,
        {
            "the step documents.restore": by_step,
            f"restic alone, s3.connections={best}": lambda: by_restic(best),
            "tar | tar": by_tar,
            f"onto a warm copy, {CHANGED:.0%} changed": onto_warm,
            "restic alone, onto the same": warm_by_restic,
        },
    )
    cold, alone, floor, onto, onto_alone = series
    volume_mb = sum(path.stat().st_size for path in original.rglob("*") if path.is_file()) / 1e6
    rate = 1 / ratio(cold, alone)
    rates = ", ".join(f"{one.label} {volume_mb / one.median:.0f} MB/s" for one in (cold, alone, floor))
    note = (
        f"{volume_mb:.0f} MB of documents; {rates}. Before, restic alone was tried once with s3.connections "
        f"{', '.join(RESTIC_OPTIONS)}; the best is used. {_sized(settings, 'documents')}"
    )
    faster = 1 / ratio(onto, cold)
    is_met = rate >= RESTIC_RATE, faster >= WARM_TIMES
    empty_directory = Series("into an empty directory", cold.values)
    return (
        Result("documents", (cold, alone, floor), f"{rate:.2f} of restic's rate", _judged(settings, is_met[0]), (note,)),
        Result("warm", (onto, empty_directory, onto_alone), f"{faster:.1f} times faster", _judged(settings, is_met[1]),
               (f"restic alone is {ratio(alone, onto_alone):.1f} times faster onto the warm copy than into an empty directory. "
                f"{_sized(settings, 'warm')}",)),
    )  # fmt: skip


def _judged(settings: Settings, is_met: bool) -> bool | None:
    return is_met if settings.size in GOAL_SIZES else None


def _sized(settings: Settings, row: str) -> str:
    if settings.size in GOAL_SIZES:
        return f"Size {settings.size}."
    return (
        f"Size {settings.size}. The goal is for the size {GOAL_SIZES[0]} or larger, which was not measured: "
        f'`make bench ARGS="--only {row}"`'
    )


def change(tree: Path, share: float, chance: random.Random) -> int:
    """Overwrite this share of the files, at least one, with something else of the same length; how many."""
    every = sorted(path for path in tree.rglob("*") if path.is_file())
    chosen = chance.sample(every, max(1, round(len(every) * share)))
    for path in chosen:
        path.write_bytes(chance.randbytes(path.stat().st_size))
    return len(chosen)


def _into_empty(directory: Path, restore: Callable[[], object]) -> float:
    took_s = _timed(restore)
    shutil.rmtree(directory)
    return took_s


def _timed(work: Callable[[], object]) -> float:
    os.sync()  # what an earlier sample left to be written is not this one's
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _call(argv: tuple[str, ...], environment: dict[str, str]) -> None:
    subprocess.run(argv, check=True, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, timeout=TIMEOUT_S)


def _restic_environment(bench: Bench) -> dict[str, str]:
    store = bench.sites[SECONDARY].store
    return {
        "RESTIC_REPOSITORY": store.repository,
        "RESTIC_PASSWORD_FILE": str(bench.directory / "secrets" / "restic"),
        "AWS_ACCESS_KEY_ID": store.access_key,
        "AWS_SECRET_ACCESS_KEY": store.secret_key,
    }
