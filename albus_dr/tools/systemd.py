"""systemd timers: a service and a timer for each entry, in files that carry our mark."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from albus_dr.errors import NotReadyError, RefusedError, StepError
from albus_dr.tools import process
from albus_dr.tools.home import home
from albus_dr.tools.scheduler import Condition, Entry, Finding

MARK = "# Written by albus-dr schedule install; albus-dr schedule remove takes it away.\n"
RUNNING = Path("/run/systemd/system")
SYSTEM_UNITS = Path("/etc/systemd/system")
PREFIX = "albus-dr-"
QUICK_S = 30.0


@dataclass(frozen=True)
class Systemd:
    """The units of one manager: the system's, or a user's own."""

    directory: Path
    options: tuple[str, ...]

    def look(self, entries: Sequence[Entry]) -> tuple[Finding, ...]:
        """How each entry stands. Changes nothing."""
        return tuple(self._look(entry) for entry in entries)

    def _look(self, entry: Entry) -> Finding:
        wanted = units(entry)
        there = {name: _read(self.directory / name) for name in wanted}
        is_so = there == wanted and self._runs(timer_name(entry))
        condition: Condition = "installed" if is_so else "changed" if any(there.values()) else "absent"
        where = ", ".join(str(self.directory / name) for name in wanted)
        next_at = self._next(timer_name(entry)) if condition == "installed" else ""
        return Finding(entry, condition, where, "\n".join(wanted.values()), next_at)

    def _next(self, timer: str) -> str:
        try:
            done = self._systemctl("show", "--value", "--property=NextElapseUSecRealtime", timer)
        except (NotReadyError, StepError):
            return ""  # it is only shown
        return done.stdout.strip()

    def install(self, runbook: str, entries: Sequence[Entry]) -> list[str]:
        """Make it so: write, load, enable. What was done, one line each; nothing when all was so before."""
        wanted = {name: text for entry in entries for name, text in units(entry).items()}
        for name in wanted:
            self._refuse_foreign(name)
        said = self._remove(runbook, keep=set(wanted))
        changed = [name for name, text in wanted.items() if _read(self.directory / name) != text]
        for name in changed:
            _write(self.directory / name, wanted[name])
            said.append(f"wrote {self.directory / name}")
        if said:
            self._systemctl("daemon-reload")
        for entry in entries:
            timer = timer_name(entry)
            if timer in changed or not self._runs(timer):
                self._systemctl("enable", timer)
                self._systemctl("restart", timer)  # start alone would keep the rhythm of an older file
                said.append(f"enabled and started {timer}: {entry.words}")
        return said

    def remove(self, runbook: str) -> list[str]:
        """Take the runbook's units away. What was done, one line each; nothing when there are none.

        A run that is going on is not stopped.
        """
        said = self._remove(runbook, keep=set())
        if said:
            self._systemctl("daemon-reload")
        return said

    def _remove(self, runbook: str, *, keep: set[str]) -> list[str]:
        said = []
        mine = [path for path in self._mine(runbook) if path.name not in keep]
        for path in sorted(mine, key=lambda path: path.suffix != ".timer"):  # first what would start it
            if path.suffix == ".timer":
                self._systemctl("disable", "--now", path.name)
                said += self._forget_when_it_last_fired(path.name)
            path.unlink()
            said.append(f"removed {path}")
        return said

    def _forget_when_it_last_fired(self, timer: str) -> list[str]:
        """A timer of the same name that is installed next year would make up for the whole year at once."""
        done = process.run(("systemctl", *self.options, "clean", "--what=state", timer), timeout_s=QUICK_S)
        return [f"systemd keeps when {timer} last fired: {done.last_words}"] if done.code else []

    def _mine(self, runbook: str) -> Iterator[Path]:
        for operation in ("replicate", "drill"):
            for suffix in ("timer", "service"):
                path = self.directory / f"{PREFIX}{operation}-{runbook}.{suffix}"
                if _read(path).startswith(MARK):
                    yield path

    def _refuse_foreign(self, name: str) -> None:
        text = _read(self.directory / name)
        if text and not text.startswith(MARK):
            raise RefusedError(
                f"{self.directory / name} was not written by albus-dr", hint="look at it, and move it away"
            )

    def _runs(self, timer: str) -> bool:
        """It waits for its time now, and will after the next boot."""
        questions = ("is-active", "is-enabled")
        asked = (
            process.run(("systemctl", *self.options, each, "--quiet", timer), timeout_s=QUICK_S) for each in questions
        )
        return all(done.code == 0 for done in asked)

    def _systemctl(self, *words: str) -> process.Completed:
        done = process.run(("systemctl", *self.options, *words), timeout_s=QUICK_S)
        return done.check(f"systemd would not {words[0]}", hint="albus-dr schedule install --with cron does without it")


def manager() -> Systemd:
    """The system's manager for root, else the user's own."""
    if os.geteuid() == 0:
        return Systemd(SYSTEM_UNITS, ())
    base = os.environ.get("XDG_CONFIG_HOME") or str(home() / ".config")
    return Systemd(Path(base) / "systemd" / "user", ("--user",))


def runs_here() -> bool:
    """True where systemd is the machine's first process (sd_booted(3))."""
    return RUNNING.is_dir()


def timer_name(entry: Entry) -> str:
    """``albus-dr-drill-albus.timer``."""
    return f"{PREFIX}{entry.operation}-{entry.runbook}.timer"


def units(entry: Entry) -> dict[str, str]:
    """The text of the entry's timer and service, by file name."""
    name = f"{PREFIX}{entry.operation}-{entry.runbook}"
    service = f"""{MARK}[Unit]
Description=albus-dr: {entry.operation} of {entry.runbook}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
Environment={_quoted(f"ALBUS_DR_STATE={entry.state}")}
EnvironmentFile=-{_pattern(entry.environment_file)}
ExecStart={" ".join(map(_word, entry.command))}
# A run that is stopped ends its programs, and a drill cleans up.
TimeoutStopSec=15min
"""
    timer = f"""{MARK}[Unit]
Description=albus-dr: {entry.operation} of {entry.runbook}, {entry.words}

[Timer]
OnCalendar={entry.on_calendar}
# What the machine slept through is made up for once it is back.
Persistent=true
RandomizedDelaySec={entry.delay_s}
FixedRandomDelay=true

[Install]
WantedBy=timers.target
"""
    return {f"{name}.timer": timer, f"{name}.service": service}


def _word(word: str) -> str:
    """A word of a command line, without variables (systemd.service(5))."""
    return _quoted(word).replace("$", "$$")


def _quoted(word: str) -> str:
    """One word, without specifiers (systemd.unit(5), systemd.syntax(7))."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"' if text != word or not text or any(each in text for each in " ;'#") else text


def _pattern(path: str) -> str:
    """A path where systemd takes a glob pattern to the end of the line, without specifiers."""
    return re.sub(r"([\\*?\[])", r"\\\1", path).replace("%", "%%")


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise StepError(f"{path} can't be read: {error}") from None


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, "utf-8")
        fresh.chmod(0o644)
        fresh.replace(path)
    except OSError as error:
        raise StepError(f"{path} can't be written: {error.strerror}") from None
