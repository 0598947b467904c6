"""Which processes are a drill's, and how they are ended: by whoever cleans up, and by the keeper when nobody does."""

from __future__ import annotations

from albus_dr.tools.host import Host

QUICK_S = 15.0
END_S = 60.0  # more than END waits for, on a machine with very many processes

# Constant text: a function of the directory. It prints the ids of the processes that run in it or were marked with it. What
# runs in it has its directory in /proc without links; the mark is as the drill wrote it.
_PROCESSES = r"""
processes() {
  real=$(readlink -f -- "$1") || real=$1
  { find /proc -mindepth 2 -maxdepth 2 \( -name cwd -o -name exe \) \( -lname "$real" -o -lname "$real/*" \) 2>/dev/null
    grep -lsxzF "ALBUS_DR_DRILL=$1" /proc/[0-9]*/environ
  } | sed -n 's|^/proc/\([0-9]*\)/.*|\1|p' | sort -u
}
"""
# Constant text: a function of the directory. It ends these processes, and prints what it could not remove of theirs that
# lies elsewhere. PostgreSQL alone is asked to end first, at once: that takes its shared memory away and its children along.
# Of one that was killed nobody else does it. postmaster.pid names it, and on the 7th line the segment (key, id). A restored
# tree may hold the file of somebody else's server: nothing is asked of what is not the drill's process, and only a segment
# goes that the named process made and nobody uses.
END = rf"""{_PROCESSES}
end() {{
  pids=$(processes "$1"); asked=; segments=
  for file in "$1/data/postmaster.pid" "$1"/*/data/postmaster.pid; do
    [ -f "$file" ] || continue
    pid=$(sed -n '1s/^-*\([0-9]*\)$/\1/p' "$file"); segment=$(sed -n '7s/^ *[0-9]*  *\([0-9]*\) *$/\1/p' "$file")
    [ -z "$pid" ] || [ -z "$segment" ] || segments="$segments $pid:$segment"
    for known in $pids; do
      [ "$known" = "$(head -n 1 "$file")" ] && kill -QUIT "$known" 2>/dev/null && asked="$asked $known"
    done
  done
  turns=60
  for pid in $asked; do
    while [ -e "/proc/$pid/exe" ] && [ "$turns" -gt 0 ]; do sleep 0.05; turns=$((turns - 1)); done
  done
  turns=50
  while pids=$(processes "$1") && [ -n "$pids" ] && [ "$turns" -gt 0 ]; do
    kill -KILL $pids 2>/dev/null; sleep 0.02; turns=$((turns - 1))
  done
  for each in $segments; do
    made_by=${{each%:*}}; segment=${{each#*:}}
    grep -Eqs "^ *-?[0-9]+ +$segment +[0-7]+ +[0-9]+ +$made_by +[0-9]+ +0 " /proc/sysvipc/shm || continue
    ipcrm -m "$segment" 2>/dev/null || echo "shared memory segment $segment"
  done
}}
"""


def processes_in(where: Host, directory: str) -> list[str]:
    """The ids of a drill's processes."""
    script = f'{_PROCESSES} processes "$1"'
    return where.run(("sh", "-c", script, "sh", directory), timeout_s=QUICK_S).stdout.split()


def end(where: Host, directory: str) -> list[str]:
    """End them; what could not be removed of theirs outside the directory. Processes that live on are not in it."""
    return where.run(("sh", "-c", f'{END} end "$1"', "sh", directory), timeout_s=END_S).stdout.splitlines()
