"""What the engine adds to every step: order, the journal's two facts, the durable record."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from typing import Any

from benchmarks.harness import TOP, Result, Series, Settings, python

LONGEST_STEP_MS, STEADY, LARGEST_MIB = 10.0, 1.2, 300.0


def steps(settings: Settings) -> tuple[Result, ...]:
    """A short and a long chain, each in a process of its own."""
    short, long = settings.steps
    taken: dict[int, list[Mapping[str, Any]]] = {short: [], long: []}
    for _ in range(settings.repetitions):
        for count in taken:
            taken[count].append(_run(settings, count))
            settings.say(f"{count} steps: {taken[count][-1]['seconds'] / count * 1000:.1f} ms a step")
    series = tuple(
        Series(f"{count:,} steps", tuple(run["seconds"] / count * 1000 for run in runs), "ms a step")
        for count, runs in taken.items()
    )
    growth = series[1].median / series[0].median
    peak_mib = max(run["peak_mib"] for runs in taken.values() for run in runs)
    worst_ms = max(one.median for one in series)
    figure = f"{worst_ms:.1f} ms a step, {growth:.2f} times, {peak_mib:.0f} MiB"
    is_met = worst_ms <= LONGEST_STEP_MS and growth <= STEADY and peak_mib < LARGEST_MIB
    return (Result("steps", series, figure, is_met),)


def _run(settings: Settings, count: int) -> Mapping[str, Any]:
    directory = settings.directory / f"steps-{count}"
    directory.mkdir()
    try:
        done = subprocess.run(
            python("-m", "benchmarks.steps_that_do_nothing", str(count), str(directory)), cwd=TOP, check=True,
            capture_output=True, text=True, timeout=3600,
        )  # fmt: skip
    finally:
        shutil.rmtree(directory)
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found
