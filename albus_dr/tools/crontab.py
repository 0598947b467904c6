"""The user's crontab: one marked block for each runbook. What stands outside it stays, byte for byte."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from albus_dr.errors import NotReadyError, RefusedError
from albus_dr.tools import process
from albus_dr.tools.inventory import find_program
from albus_dr.tools.scheduler import Condition, Entry, Finding

QUICK_S = 30.0
SETTLED_S = 120


@dataclass(frozen=True)
class Crontab:
    """Of the user that runs this program, through cron's own ``crontab``."""

    def look(self, entries: Sequence[Entry]) -> tuple[Finding, ...]:
        """How each entry stands. Changes nothing."""
        _, block, _ = split(self._read(), entries[0].runbook)
        there = block.decode("utf-8", "replace").splitlines()
        return tuple(self._look(entry, there) for entry in entries)

    def _look(self, entry: Entry, there: Sequence[str]) -> Finding:
        wanted = lines(entry)
        condition: Condition = "installed" if set(wanted) <= set(there) else "changed" if there else "absent"
        return Finding(entry, condition, "crontab", "\n".join(wanted))

    def install(self, runbook: str, entries: Sequence[Entry]) -> list[str]:
        """Make it so. What was done, one line each; nothing when all was so before."""
        before, block, after = split(self._read(), runbook)
        first, last = _marks(runbook)
        wanted = [line for entry in entries for line in lines(entry)]
        in_block = "\n".join((first, *wanted, last, "")).encode()
        if block == in_block:
            return []
        if before and not before.endswith(b"\n"):
            before += b"\n"  # cron ignores a last line without its end
        self._write(before + in_block + after)
        return [f"wrote into the crontab: {line}" for line in wanted]

    def remove(self, runbook: str) -> list[str]:
        """Take the runbook's block away; the crontab too, when nothing else was in it."""
        before, block, after = split(self._read(), runbook)
        if not block:
            return []
        if before + after:
            self._write(before + after)
        else:
            process.run(("crontab", "-r"), timeout_s=QUICK_S).check("the empty crontab can't be removed")
        return [f"removed from the crontab: {text}" for text in block.decode("utf-8", "replace").splitlines()[1:-1]]

    @staticmethod
    def _read() -> bytes:
        if find_program("crontab") is None:
            raise NotReadyError(
                "there is no crontab on this machine", hint="apt-get install cron, or do it on a machine with systemd"
            )
        done = process.run(("crontab", "-l"), timeout_s=QUICK_S)
        if done.code != 0 and "no crontab for" in done.stderr:
            return b""
        return done.check("the crontab can't be read").out

    @staticmethod
    def _write(content: bytes) -> None:
        with tempfile.NamedTemporaryFile(prefix="albus-dr-") as file:  # private; crontab(1) reads it as the same user
            file.write(content)
            file.flush()
            process.run(("crontab", file.name), timeout_s=QUICK_S).check("cron does not take the crontab")


def lines(entry: Entry) -> tuple[str, str]:
    """The entry in a crontab: in its rhythm, and when the machine is back, a while after what it needs was started.

    cron gives them to ``sh``; it mails what is printed, and all well prints nothing.
    """
    file = shlex.quote(entry.environment_file)
    # As for systemd's service: the file has the last word, and programs in /usr/local/bin are found.
    defaults = f"set -a; PATH=/usr/local/bin:$PATH; ALBUS_DR_STATE={shlex.quote(str(entry.state))}"
    given = f"{defaults}; [ ! -r {file} ] || . {file}; exec"
    timed = f"{entry.five_fields} {given} {shlex.join(entry.command)}"
    back = f"@reboot sleep {SETTLED_S}; {given} {shlex.join(entry.catch_up)}"
    return timed.replace("%", "\\%"), back.replace("%", "\\%")  # a bare % ends the command (crontab(5))


def split(crontab: bytes, runbook: str) -> tuple[bytes, bytes, bytes]:
    """What stands before the runbook's block, the block with its marks, and what stands after it.

    Raises RefusedError where one mark is without the other, or there twice: nobody but a person can tell what is whose.
    """
    lines = crontab.splitlines(keepends=True)
    first, last = (mark.encode() for mark in _marks(runbook))
    begins = [number for number, each in enumerate(lines) if each.rstrip(b"\r\n") == first]
    ends = [number for number, each in enumerate(lines) if each.rstrip(b"\r\n") == last]
    if not begins and not ends:
        return crontab, b"", b""
    if len(begins) != 1 or len(ends) != 1 or begins > ends:
        raise RefusedError(
            f"the marks of {runbook} in the crontab are not one pair", hint="mend it with crontab -e, then try again"
        )
    begin, end = begins[0], ends[0] + 1
    return b"".join(lines[:begin]), b"".join(lines[begin:end]), b"".join(lines[end:])


def _marks(runbook: str) -> tuple[str, str]:
    return (
        f"# >>> albus-dr {runbook} >>> written by albus-dr schedule install, removed by albus-dr schedule remove",
        f"# <<< albus-dr {runbook} <<<",
    )
