"""Samples taken side by side, and what is said about them. Ratios of medians; a single sample proves nothing."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Series:
    """One thing, measured several times. ``unit`` is written behind every figure."""

    label: str
    values: tuple[float, ...]
    unit: str = "s"

    @property
    def median(self) -> float:
        return statistics.median(self.values)


@dataclass(frozen=True)
class Result:
    """One row of the table."""

    row: str
    series: tuple[Series, ...]
    """The first is ours."""
    figure: str
    """What is held against the goal, for people: "1.04 times"."""
    is_met: bool | None
    """None: there is no goal."""
    notes: tuple[str, ...] = ()
    measured_at: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    load: tuple[float, float] = (0.0, 0.0)
    """The machine's load average (one minute) before and after: above its cores, somebody else was at work."""
    size: str = ""
    """Of what was restored, where it is another than the usual one."""

    @property
    def key(self) -> str:
        """Each size of a row is kept by itself."""
        return f"{self.row} {self.size}".strip()

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Result:
        """What to_json wrote. Raises KeyError or TypeError when it is something else."""
        series = tuple(Series(one["label"], tuple(one["values"]), one["unit"]) for one in data["series"])
        return Result(**{**data, "series": series, "notes": tuple(data["notes"]), "load": tuple(data["load"])})


@dataclass(frozen=True)
class Settings:
    """How much is measured. ``size`` is the bench's; ``directory`` is new, empty, and removed by whoever made it."""

    repetitions: int
    size: Any
    steps: tuple[int, int]
    """How many steps the short and the long plan of the engine's row have."""
    directory: Path
    say: Callable[[str], None]


def side_by_side(
    repetitions: int, ways: Mapping[str, Callable[[], float]], *, warm_up: bool = False
) -> tuple[Series, ...]:
    """A B A B …: what changes on the machine meanwhile hits all of them. The ways return seconds.

    ``warm_up``: everything once before, unmeasured, so that files are in memory for all.
    """
    if warm_up:
        for way in ways.values():
            way()
    values: dict[str, list[float]] = {label: [] for label in ways}
    for _ in range(repetitions):
        for label, way in ways.items():
            values[label].append(way())
    return tuple(Series(label, tuple(taken)) for label, taken in values.items())


def ratio(ours: Series, theirs: Series) -> float:
    """Of the medians."""
    return ours.median / theirs.median


def at_most(ours: Series, theirs: Series, limit: float) -> tuple[str, bool]:
    """The ratio for people, and whether it is within the limit."""
    found = ratio(ours, theirs)
    return f"{found:.2f} times", found <= limit


def seconds_of(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    codes: tuple[int, ...] = (0,),
    timeout_s: float = 3600,
) -> float:
    """Wall-clock seconds of a program from its start to its end. Raises RuntimeError with its last words."""
    began = time.perf_counter()
    done = subprocess.run(
        argv, env={**os.environ, **(environment or {})}, cwd=TOP, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=timeout_s, check=False,
    )  # fmt: skip
    took_s = time.perf_counter() - began
    if done.returncode not in codes:
        raise RuntimeError(f"{argv[0]} ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-600:]}")
    return took_s


def python(*arguments: str) -> tuple[str, ...]:
    """The interpreter that runs this, with the arguments."""
    return (sys.executable, *arguments)


def load_average() -> float:
    """Of the last minute."""
    return round(os.getloadavg()[0], 1)
