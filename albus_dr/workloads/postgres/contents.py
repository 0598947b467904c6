"""Does a recovered database hold what it held, besides the rows of its tables?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from albus_dr.tools.postgres_contents import CollationVersion, Contents
from albus_dr.workloads.step import Verdict, Verification

OLDER = "its manifest is older than this comparison"
NAMED = 3  # at most so many objects are named; the journal is read by people


def compare_contents(workload: str, expected: Contents | None, found: Contents, deviation: str) -> list[Verification]:
    """One verification for each thing that the database had, has, or may have had (an older manifest does not say).

    ``deviation``: why the locale is another one than the original's; empty when it is the same.
    """
    if expected is None:
        kinds = ("encoding", "collations", "sequences", "large objects", "materialized views", ACCESS)
        return [Verification(workload, kind, "the manifest", OLDER, Verdict.NOT_EVALUATED) for kind in kinds]
    same = _same(workload)
    return [
        same("encoding", expected.locale.encoding, found.locale.encoding),
        _collations(workload, expected, found, deviation),
        *_sequences(workload, expected.sequences, found.sequences),
        *_large_objects(workload, expected, found),
        *_views(workload, expected.materialized_views, found.materialized_views),
        _access(workload, expected, found),
        *_settings(workload, expected),
    ]


ACCESS = "owners, grants and row security"


def _same(workload: str) -> Callable[[str, str, str], Verification]:
    def same(kind: str, expected: str, found: str) -> Verification:
        verdict = Verdict.PASSED if found == expected else Verdict.FAILED
        return Verification(workload, kind, expected, found, verdict)

    return same


def with_later_sequences(contents: Contents, later: Mapping[str, int]) -> dict[str, Any]:
    """For the manifest: what the sequences would give when the dump began, and when it had ended. One that was made or
    dropped meanwhile is not claimed."""
    between = {name: (low, later[name]) for name, (low, _) in contents.sequences.items() if name in later}
    return contents.to_json() | {"sequences": between}


# --- one thing each -----------------------------------------------------------------------------------------------


def _collations(workload: str, expected: Contents, found: Contents, deviation: str) -> Verification:
    """A restored index is in this host's order. A standby's is in its primary's: where the two libraries differ, it is
    wrong after a failover, and a drill is the place to find that out."""
    versions = {name: version.actual for name, version in expected.collations.items()}
    wanted = _versions(versions)
    if deviation:
        return _not_verified(
            workload, "collations", wanted, f"the order of text was not tried: {deviation} at the target"
        )
    here = {name: version.actual for name, version in found.collations.items()}
    other = [name for name, version in versions.items() if here.get(name) != version]
    if other:
        differs = _versions({name: here.get(name, "") for name in other})
        said = (
            f"{differs} at the target: text indexes of a standby there may be wrong after a failover: REINDEX it then"
        )
        return _not_verified(workload, "collations", wanted, said)
    return Verification(workload, "collations", wanted, _versions(here), Verdict.PASSED)


def mend(database: str) -> str:
    """What to do about it."""
    return f"REINDEX DATABASE {database}, then ALTER DATABASE {database} REFRESH COLLATION VERSION"


def outdated(collations: Mapping[str, CollationVersion]) -> str:
    """Collations whose indexes were made with another version of the library than this host's; empty when none."""
    wrong = [f"{name} {found.recorded}, here {found.actual}" for name, found in sorted(collations.items())
             if found.recorded and found.recorded != found.actual]  # fmt: skip
    return _some(wrong)


def verify_collations(workload: str, database: str, collations: Mapping[str, CollationVersion]) -> Verification:
    """Of a server that carries on with its primary's indexes."""
    recorded = _versions({name: found.recorded for name, found in collations.items()})
    if "default" not in collations:
        return _not_verified(
            workload, "collations", "as recorded", "before version 15 PostgreSQL records none of a database"
        )
    if wrong := outdated(collations):
        return _not_verified(workload, "collations", recorded, f"{wrong}: text indexes may be wrong: {mend(database)}")
    return Verification(workload, "collations", recorded, recorded, Verdict.PASSED)


def _versions(versions: Mapping[str, str]) -> str:
    """``default 2.36``; C and the like have no version, because they compare bytes."""
    return _some([f"{name} {version or 'by bytes'}" for name, version in sorted(versions.items())]) or "none"


def _sequences(
    workload: str, expected: Mapping[str, tuple[int, int]], found: Mapping[str, tuple[int, int]]
) -> list[Verification]:
    if not expected and not found:
        return []
    kind, wanted = "sequences", f"{len(expected)} where they were"
    moved = [name for name, (low, high) in expected.items() if low > high]
    wrong = [
        f"{name} would give {found[name][0] if name in found else 'nothing'}, was at {low}"
        for name, (low, high) in sorted(expected.items())
        if name not in moved and not (name in found and low <= found[name][0] <= high)
    ]
    if wrong:
        return [Verification(workload, kind, wanted, _some(wrong), Verdict.FAILED)]
    if moved:
        return [_not_verified(workload, kind, wanted, f"set back while they were dumped: {_some(moved)}")]
    return [Verification(workload, kind, wanted, wanted, Verdict.PASSED)]


def _large_objects(workload: str, expected: Contents, found: Contents) -> list[Verification]:
    want, have = expected.large_objects, found.large_objects
    if not want.count and not have.count:
        return []
    kind = "large objects"
    if want.count == have.count and None in (want.checksum, have.checksum):
        said = f"{have.count}; whoever made or restored the dump may not read their content"
        return [_not_verified(workload, kind, str(want.count), said)]

    def told(objects: Any) -> str:
        return f"{objects.count} with {objects.bytes} bytes, checksum {str(objects.checksum)[-8:]}"

    return [Verification(workload, kind, told(want), told(have), Verdict.PASSED if want == have else Verdict.FAILED)]


def _views(workload: str, expected: Mapping[str, int | None], found: Mapping[str, int | None]) -> list[Verification]:
    """pg_restore fills them anew, so a number of rows may differ; but not nothing where there was something."""
    if not expected and not found:
        return []
    wrong = [
        f"the view {name} {'is missing' if name not in found else 'holds no data'}"
        for name, rows in sorted(expected.items())
        if name not in found or (rows is not None and found[name] is None) or (rows and not found[name])
    ]
    wanted = f"{len(expected)}, filled where they were"
    verdict = Verdict.FAILED if wrong else Verdict.PASSED
    return [Verification(workload, "materialized views", wanted, _some(wrong) or wanted, verdict)]


def _access(workload: str, expected: Contents, found: Contents) -> Verification:
    wanted = f"{len(expected.access)} objects equal"
    made_by, restored_by = expected.server_version // 10_000, found.server_version // 10_000
    if made_by != restored_by:  # each version has rights of its own
        return _not_verified(workload, ACCESS, wanted, f"from PostgreSQL {made_by}, restored by {restored_by}")
    wrong = sorted(
        name for name in {*expected.access, *found.access} if expected.access.get(name) != found.access.get(name)
    )
    if wrong:
        return Verification(workload, ACCESS, wanted, f"{len(wrong)} differ: {_some(wrong)}", Verdict.FAILED)
    return Verification(workload, ACCESS, wanted, wanted, Verdict.PASSED)


def _settings(workload: str, expected: Contents) -> list[Verification]:
    """A search_path that is set for the database, for example: an application may not find its tables without."""
    if not expected.settings:
        return []
    said = f"a dump has none of them: {_some(list(expected.settings))}"
    return [_not_verified(workload, "settings of the database", str(len(expected.settings)), said)]


def _not_verified(workload: str, kind: str, expected: str, why: str) -> Verification:
    return Verification(workload, kind, expected, why, Verdict.NOT_EVALUATED)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
