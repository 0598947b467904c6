"""What a directory tree holds: names, sizes and times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from albus_dr.tools.host import Host
from albus_dr.tools.told import check_without_names

SETTLED_S = 2  # far more than a tick of the kernel's clock


def _find(path: str) -> tuple[str, ...]:
    """find, when the path itself may be a symbolic link, and files may be removed meanwhile."""
    return ("find", "-H", path, "-ignore_readdir_race")


class File(NamedTuple):
    """A regular file."""

    size: int
    modified: str
    """Seconds with nanoseconds, as find prints them."""
    mode: str
    """Octal."""
    owner: str
    """Numbers of user and group."""


class Directory(NamedTuple):
    """A directory; its times change with what is in it."""

    mode: str
    owner: str


@dataclass(frozen=True)
class Tree:
    """What lies below a path, by relative name; the path itself is not in it."""

    files: dict[str, File]
    directories: dict[str, Directory]
    links: dict[str, str]
    """Where each points, as it is written in the link."""


def is_there(host: Host, path: str, *, timeout_s: float) -> bool:
    """Is there a directory, or a link to one?"""
    return host.run(("test", "-d", path), timeout_s=timeout_s).code == 0


def look(host: Host, path: str, *, timeout_s: float) -> Tree:
    """Everything below the path, in one walk. Raises StepError when it can't be listed."""
    each = (
        "-type", "f", "-printf", "f%s %T@ %m %U:%G %P\\0", "-o", "-type", "d", "-printf", "d%m %U:%G %P\\0",
        "-o", "-type", "l", "-printf", "l%P\\0%l\\0",
    )  # fmt: skip
    done = host.run((*_find(path), "-mindepth", "1", "(", *each, ")"), timeout_s=timeout_s)
    check_without_names(done, f"{path} can't be listed")
    tree = Tree({}, {}, {})
    parts = iter(done.out.decode(errors="surrogateescape").split("\0")[:-1])  # a name need not be UTF-8
    for part in parts:
        if part[0] == "f":
            size, modified, mode, owner, name = part[1:].split(" ", 4)
            tree.files[name] = File(int(size), modified, mode, owner)
        elif part[0] == "d":
            mode, owner, name = part[1:].split(" ", 2)
            tree.directories[name] = Directory(mode, owner)
        else:
            tree.links[part[1:]] = next(parts)
    return tree


def list_files(host: Host, path: str, *, timeout_s: float, links: bool = False) -> dict[str, tuple[int, str]]:
    """Every regular file (and symbolic link) below the path: relative name -> (bytes, modification time with nanoseconds)."""
    kinds = ("(", "-type", "f", "-o", "-type", "l", ")") if links else ("-type", "f")
    done = host.run((*_find(path), *kinds, "-printf", "%s %T@ %P\\0"), timeout_s=timeout_s)
    check_without_names(done, f"{path} can't be listed")
    entries: dict[str, tuple[int, str]] = {}
    for entry in done.out.decode(errors="surrogateescape").split("\0"):  # a name need not be UTF-8
        if entry:
            size, modified, name = entry.split(" ", 2)
            entries[name] = (int(size), modified)
    return entries


def list_stamps(host: Host, path: str, *, timeout_s: float, still_only: bool = False) -> dict[str, str]:
    """Every regular file below the path with what changes whenever its content does, by relative name.

    Size, modification time, inode, and the time of the inode's last change, which the kernel sets and no program sets
    back. ``still_only``: without those that changed in the last seconds; another change within the same tick of the
    kernel's clock would not show.
    """
    still = ("!", "-newerct", f"{SETTLED_S} seconds ago") if still_only else ()
    done = host.run((*_find(path), "-type", "f", *still, "-printf", "%s,%T@,%C@,%i %P\\0"), timeout_s=timeout_s)
    check_without_names(done, f"{path} can't be listed")
    entries = done.out.decode(errors="surrogateescape").split("\0")[:-1]
    return {name: stamp for stamp, name in (entry.split(" ", 1) for entry in entries)}


def list_links(host: Host, path: str, *, timeout_s: float) -> dict[str, str]:
    """Every symbolic link below the path: relative name -> where it points, as it is written in the link."""
    done = host.run((*_find(path), "-type", "l", "-printf", "%P\\0%l\\0"), timeout_s=timeout_s)
    check_without_names(done, f"the links in {path} can't be listed")
    parts = done.out.decode(errors="surrogateescape").split("\0")
    return dict(zip(parts[:-1:2], parts[1:-1:2], strict=True))
