"""Reads, copies and removes files whose names are given over standard input.

Everybody on a host can read the arguments of its programs, and a file's name may be a patient's.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from albus_dr.errors import StepError
from albus_dr.tools.host import Host, pipe
from albus_dr.tools.told import reasons
from albus_dr.workloads.step import StepContext

_AT_ONCE = 200  # open files; a shell may usually have 1,024
_FIRST = 20  # lower numbers are the shell's own
# The shell opens the files, which takes no program; sha256sum is told their numbers alone. The shell's own errors hold names.
_HASH = r"""
exec 3>&2 2>/dev/null
while mapfile -d '' -t -n "$1" names && [ ${#names[@]} -gt 0 ]; do
  opened=() closing=
  for i in "${!names[@]}"; do
    number=$(($2 + i))
    if eval "exec $number<\"\${names[i]}\""; then opened+=("/dev/fd/$number"); closing+=" $number<&-"; fi
  done
  if [ ${#opened[@]} -gt 0 ]; then sha256sum -z -- "${opened[@]}" 2>&3; eval "exec$closing"; fi
  printf '\0'
done
exit 0
"""


def hash_files(host: Host, path: str, names: Iterable[str], ctx: StepContext) -> dict[str, str]:
    """SHA-256 by relative name, in hexadecimal; a file that went away meanwhile, or can't be read, is left out."""
    ordered = sorted(names)
    halves = [half for half in (ordered[::2], ordered[1::2]) if half]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda half: _hashed_by_one(host, path, half, ctx), halves))
    return {name: digest for half in found for name, digest in half.items()}


def _hashed_by_one(host: Host, path: str, names: list[str], ctx: StepContext) -> dict[str, str]:
    done = host.run(
        ("bash", "-c", _HASH, "bash", str(_AT_ONCE), str(_FIRST)), stdin="".join(f"./{name}\0" for name in names),
        cwd=path, timeout_s=ctx.remaining_s, cancelled=ctx.cancelled,
    ).check(f"the files in {path} can't be read")  # fmt: skip
    found: dict[str, str] = {}
    start = 0
    for line in done.stdout.split("\0")[:-1]:
        if line:
            digest, _, opened = line.partition("  /dev/fd/")
            found[names[start + int(opened) - _FIRST]] = digest
        else:
            start += _AT_ONCE
    return found


def remove_files(host: Host, path: str, names: Iterable[str], ctx: StepContext) -> None:
    """Remove these files and symbolic links below the path. Raises StepError when one of them is not there."""
    # tar reads no content when the archive is /dev/null; rm and unlink take names as arguments alone.
    done = host.run(
        ("tar", "-C", path, "--remove-files", *_LISTED, "-cf", "/dev/null"), stdin=_lines(names),
        timeout_s=ctx.remaining_s, cancelled=ctx.cancelled,
    )  # fmt: skip
    if done.code != 0:
        raise StepError(f"files in {path} can't be removed: tar ended with {done.code}: {reasons(done.stderr)}")


def send_files(source: tuple[Host, str], target: tuple[Host, str], names: Iterable[str], ctx: StepContext) -> None:
    """Copy these files and symbolic links from the one tree into the other, with mode, owner (as root), extended attributes,
    and times to the nanosecond. Raises StepError."""
    pipe(
        (source[0], ("tar", "-C", source[1], "--format=posix", *_ATTRIBUTES, *_LISTED, "-cf", "-"), _lines(names)),
        (target[0], ("tar", "-C", target[1], *_ATTRIBUTES, "-xpf", "-")), timeout_s=ctx.remaining_s, cancelled=ctx.cancelled,
    )  # fmt: skip


def with_parents(names: Iterable[str]) -> list[str]:
    """The names, and before each the directories that it lies in: to be sent with them."""
    parents = {str(parent) for name in names for parent in PurePosixPath(name).parents} - {"."}
    return [*sorted(parents), *names]


_LISTED = ("--no-recursion", "--null", "-T", "-")
_ATTRIBUTES = ("--acls", "--xattrs")


def _lines(names: Iterable[str]) -> str:
    return "".join(f"{name}\0" for name in names)
