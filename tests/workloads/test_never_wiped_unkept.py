"""A reprotect takes away what it kept, as it kept it, and nothing else. On two real servers, killed at its worst moments."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from albus_dr.errors import RefusedError, StepError
from albus_dr.tools import postgres_rebuild
from albus_dr.workloads.postgres import old_primary, rebuild, reprotect
from albus_dr.workloads.postgres.aside import MARK, Folder, Kept, find_moved
from albus_dr.workloads.step import Facts, State
from tests.tools.test_server import PROOF
from tests.workloads import test_change_of_primary as two
from tests.workloads.test_change_of_primary import Killed, Sites, kept_by

sites = two.sites
LATER = "written after it was kept"


def lose_primary(sites: Sites) -> None:
    """With all of the log that pg_rewind needs."""
    sites.old.query("ALTER SYSTEM SET wal_keep_size = '1GB'; SELECT pg_reload_conf()")
    sites.fail_over()


def write_later(sites: Sites) -> None:
    """The returned server starts by itself, takes a write, and is shut down cleanly."""
    sites.old.start(timeout_s=60)
    sites.old.query(f"INSERT INTO visit VALUES ('{LATER}')")
    sites.old.stop(timeout_s=60)


def has_later(sites: Sites) -> bool:
    sites.old.start(timeout_s=60)
    found = sites.old.value(f"SELECT count(*) FROM visit WHERE note = '{LATER}'") == "1"
    sites.old.stop(timeout_s=60)
    return found


def rebuild_killed_while_it_rewinds(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    rewind = postgres_rebuild.rewind

    def killed(*arguments: Any, dry_run: bool, **more: Any) -> Any:
        if not dry_run:
            raise Killed
        return rewind(*arguments, dry_run=dry_run, **more)

    with monkeypatch.context() as patched:
        patched.setattr(postgres_rebuild, "rewind", killed)
        with pytest.raises(Killed):
            reprotect.rebuild(sites.reprotect("run-ab12"))


def as_owner(sites: Sites, script: str, *arguments: str) -> None:
    done = sites.old.host.run(("sh", "-ec", script, "sh", *arguments), timeout_s=120, run_as=sites.old.run_as)
    done.check(script)


def brought_back(sites: Sites, run: str) -> Facts:
    """The rest of the run."""
    ctx = sites.reprotect(run)
    rebuilt = reprotect.rebuild(ctx)
    reprotect.rejoin(ctx)
    reprotect.catch_up(ctx)
    assert sites.old.is_in_recovery()
    return rebuilt


# --- kept, and not yet touched --------------------------------------------------------------------------------------


def test_a_link_that_points_nowhere_is_in_nobodys_way_until_it_must_be_copied(sites: Sites) -> None:
    """Where it is measured, as where a file goes meanwhile, the total of the others is good enough."""
    lose_primary(sites)
    link = Path(sites.old.data, "root.crt")
    link.symlink_to("/nonexistent")

    with pytest.raises(StepError, match="can't be copied") as caught:
        kept_by(sites, "run-ab12")

    assert sites.facts["patients.ready_to_reprotect"]["way"] == "rewind"
    assert str(link) in caught.value.message
    assert "a link that points nowhere" in caught.value.hint
    link.unlink()
    sites.facts["patients.keep"] = reprotect.keep(sites.reprotect("run-ab12"))
    assert brought_back(sites, "run-ab12")["rebuilt_by"] == "pg_rewind"


def test_what_can_follow_as_it_is_is_not_measured(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    sites.old.stop(timeout_s=60)
    sites.new.promote(PROOF, sites.new.identity(), timeout_s=60)
    monkeypatch.setattr(reprotect, "_size", killed_now)

    assert reprotect.ready_to_reprotect(sites.reprotect("run-ab12"))["way"] == "follow"


def test_what_was_written_after_the_copy_was_made_is_not_rewound(sites: Sites) -> None:
    lose_primary(sites)
    kept_by(sites, "run-ab12")
    write_later(sites)

    with pytest.raises(RefusedError, match="is not what this run kept") as caught:
        reprotect.rebuild(sites.reprotect("run-ab12"))

    assert "albus-dr abort run-ab12" in caught.value.hint
    assert has_later(sites)
    assert kept_by(sites, "run-cd34")["diverged"]["rows"] == {"public.visit": 2}
    assert brought_back(sites, "run-cd34")["rebuilt_by"] == "pg_rewind"


def test_a_cluster_that_somebody_made_there_meanwhile_is_not_removed(sites: Sites) -> None:
    lose_primary(sites)
    kept_by(sites, "run-ab12")
    Path(sites.old.data).rename(f"{sites.old.data}.away")
    sites.old.create(timeout_s=120)
    foreign = sites.old.control()["Database system identifier"]

    with pytest.raises(RefusedError, match=f"another cluster .system identifier {foreign}"):
        reprotect.rebuild(sites.reprotect("run-ab12"))

    assert sites.old.control()["Database system identifier"] == foreign


def lose_primary_for_good(sites: Sites) -> None:
    """So that no rewind is possible, and the directory is moved."""
    two.cut_line(sites)
    sites.old.query("ALTER SYSTEM SET wal_log_hints = off")
    sites.old.stop(timeout_s=60)
    sites.old.start(timeout_s=60)
    sites.fail_over()


def test_a_cluster_that_was_made_where_the_directory_was_moved_from_is_not_removed(sites: Sites) -> None:
    lose_primary_for_good(sites)
    kept = kept_by(sites, "run-ab12")
    assert kept["way"] == "reseed"
    as_owner(sites, 'cp -a "$1" "$2"', kept["kept"], sites.old.data)

    with pytest.raises(RefusedError, match="is not what this run kept"):
        reprotect.rebuild(sites.reprotect("run-ab12"))

    folder = Folder(sites.old, kept["folder"])
    whole = folder.read()
    assert whole is not None
    folder.advance(whole, "keeping")
    with pytest.raises(RefusedError, match="is not what this run kept"):
        reprotect.keep(sites.reprotect("run-ab12"))
    assert sites.old.control()
    as_owner(sites, 'rm -rf "$1"', sites.old.data)
    folder.write(whole)
    assert brought_back(sites, "run-ab12")["rebuilt_by"] == "pg_basebackup"


def move_and_be_killed(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run has moved the directory aside, and listed nothing of it yet."""
    lose_primary_for_good(sites)
    with monkeypatch.context() as patched:
        patched.setattr(reprotect, "_listed", killed_now)
        with pytest.raises(Killed):
            kept_by(sites, "run-ab12")


@pytest.mark.parametrize("left", ["nothing", "an empty directory"])
def test_what_a_killed_run_moved_away_is_found_and_listed_by_the_next(
    sites: Sites, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    """Nothing lies in the directory's place: the next run took the site for one that never had anything."""
    move_and_be_killed(sites, monkeypatch)
    assert not Path(sites.old.data).exists()
    if left == "an empty directory":
        as_owner(sites, 'mkdir -m 700 "$1"', f"{sites.old.socket}/empty")
        Path(f"{sites.old.socket}/empty").rename(sites.old.data)
    moved = f"{sites.old.data}.albus-dr-ab12"

    kept = kept_by(sites, "run-cd34")

    note = sites.facts["patients.ready_to_reprotect"]["notes"][0]
    assert f"was begun before and not finished; it begins anew, and what was there is kept in {moved}" in note
    assert (kept["way"], kept["folder"], kept["diverged"]["rows"]) == ("reseed", moved, {"public.visit": 1})
    assert reprotect.observe_kept(sites.reprotect("run-cd34")).state is State.DONE
    assert brought_back(sites, "run-cd34")["rebuilt_by"] == "pg_basebackup"
    assert find_moved(sites.old, sites.old.data) is None, "it says nothing any more once a rebuild has ended"


def test_a_failover_names_what_was_moved_away_before_the_place_was_found_empty(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_and_be_killed(sites, monkeypatch)
    later = Folder(sites.old, f"{sites.old.data}.albus-dr-cd34")
    later.make()
    later.write(Kept("run-cd34", "rebuilding", "nothing", sites.new.system_identifier(), 0, rewind=False))

    with pytest.raises(RefusedError, match=f"is whole in {sites.old.data}.albus-dr-ab12/data"):
        old_primary.ready(sites.context("failover", two.NEW, two.OLD, two.OLD))


def test_what_was_moved_by_a_rebuild_that_never_ended_says_nothing_once_the_server_follows(sites: Sites) -> None:
    """Somebody put the directory back by hand, and the folder stayed."""
    lose_primary(sites)
    control = sites.old.control()["Database system identifier"]
    long_ago = Folder(sites.old, f"{sites.old.data}.albus-dr-long-ago")
    long_ago.make()
    as_owner(sites, 'cp -a "$1" "$2"', sites.old.data, long_ago.data)
    long_ago.write(Kept("run-long-ago", "kept", "moved", control, 1, rewind=False))
    assert find_moved(sites.old, sites.old.data) == long_ago

    assert kept_by(sites, "run-ab12")["folder"] != long_ago.path
    brought_back(sites, "run-ab12")

    assert find_moved(sites.old, sites.old.data) is None


@pytest.mark.skipif(not two.ROOT, reason="only root acts as somebody else")
@pytest.mark.parametrize("way", ["reseed", "fresh"])
def test_a_new_base_backup_passes_whatever_root_lets_others_read(sites: Sites, way: str) -> None:
    """Under the umask of a hardened host; what PostgreSQL's own programs must open, root may have made."""
    lose_primary_for_good(sites)
    if way == "fresh":
        Path(sites.old.data).rename(f"{sites.old.data}.away")
    before = os.umask(0o027)
    try:
        assert kept_by(sites, "run-ab12")["way"] == way
        assert brought_back(sites, "run-ab12")["rebuilt_by"] == "pg_basebackup"
    finally:
        os.umask(before)


def test_what_came_while_it_was_looked_at_stays(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody starts the old server between the dry run and the rewind, and it has stopped again."""
    lose_primary(sites)
    kept_by(sites, "run-ab12")
    rewind = postgres_rebuild.rewind

    def meanwhile(*arguments: Any, dry_run: bool, **more: Any) -> Any:
        done = rewind(*arguments, dry_run=dry_run, **more)
        write_later(sites)
        return done

    monkeypatch.setattr(postgres_rebuild, "rewind", meanwhile)
    with pytest.raises(StepError, match="can't make room"):
        reprotect.rebuild(sites.reprotect("run-ab12"))

    assert has_later(sites)


def test_a_copy_of_an_earlier_version_is_gone_by_once_the_directory_was_moved_away(sites: Sites) -> None:
    """It did not write down what it copied: nobody can tell whether the directory was used since."""
    lose_primary(sites)
    folder = Folder(sites.old, kept_by(sites, "run-ab12")["folder"])
    kept = folder.read()
    assert kept is not None
    folder.write(replace(kept, stage="rebuilding", control=""))
    state = Path(folder.path, "state.json")
    earlier = {**json.loads(state.read_text()), "rebuilt_to": 2}
    del earlier["control"]
    state.write_text(json.dumps(earlier))

    with pytest.raises(RefusedError, match="can't be told, and it is not touched") as caught:
        reprotect.rebuild(sites.reprotect("run-ab12"))

    assert "move it away by hand" in caught.value.hint
    Path(sites.old.data).rename(f"{sites.old.data}.away")
    assert brought_back(sites, "run-ab12")["rebuilt_by"] == "pg_basebackup"


# --- a rebuild that was begun ---------------------------------------------------------------------------------------


def test_a_copy_that_was_put_back_and_used_is_kept_anew(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    """By cp instead of the advised mv, so that the folder still says that a rebuild was begun."""
    lose_primary(sites)
    folder = kept_by(sites, "run-ab12")["folder"]
    rebuild_killed_while_it_rewinds(sites, monkeypatch)
    as_owner(sites, 'rm -rf "$1"; cp -a "$2/data" "$1"', sites.old.data, folder)
    write_later(sites)

    with pytest.raises(RefusedError, match="is not what this run kept"):
        reprotect.rebuild(sites.reprotect("run-ab12"))
    kept = kept_by(sites, "run-cd34")

    assert kept["folder"] != folder
    assert kept["diverged"]["rows"] == {"public.visit": 2}
    assert brought_back(sites, "run-cd34")["rebuilt_by"] == "pg_rewind"


KILLED_AT = {
    "before anything was taken away": "_make_room",
    "while it rewinds": "rewind",
    "before it was put in place": "_put_in_place",
    "before it could say that it was put in place": "advance",
}


@pytest.mark.parametrize("moment", KILLED_AT)
def test_a_rebuild_that_was_killed_is_gone_on_with(sites: Sites, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """By the same run, or by the next, which finds it. What is half rebuilt never lies in the directory's place."""
    lose_primary(sites)
    folder = kept_by(sites, "run-ab12")["folder"]
    rewind, advance = postgres_rebuild.rewind, Folder.advance

    def killed(*arguments: Any, **more: Any) -> Any:
        if more.get("dry_run"):
            return rewind(*arguments, **more)
        if arguments[-1:] == ("rebuilding",):
            return advance(*arguments)
        raise Killed

    with monkeypatch.context() as patched:
        place: Any = {"rewind": postgres_rebuild, "advance": Folder}.get(KILLED_AT[moment], rebuild)
        patched.setattr(place, KILLED_AT[moment], killed)
        with pytest.raises(Killed):
            reprotect.rebuild(sites.reprotect("run-ab12"))
    in_place = moment in ("before anything was taken away", "before it could say that it was put in place")
    assert Path(sites.old.data).exists() == in_place

    ready = reprotect.ready_to_reprotect(sites.reprotect("run-cd34"))

    assert ready["folder"] == folder
    sites.facts["patients.ready_to_reprotect"] = ready
    assert reprotect.observe_kept(sites.reprotect("run-cd34")).state is State.DONE
    by = "an earlier attempt" if moment == "before it could say that it was put in place" else "pg_basebackup"
    assert brought_back(sites, "run-cd34")["rebuilt_by"] == by
    assert not Path(sites.old.data, MARK).exists()
    assert not Path(folder, "new").exists()


def test_what_was_rebuilt_and_then_served_by_hand_is_kept_anew(sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the same timeline as the server that serves: no timeline tells."""
    lose_primary(sites)
    folder = kept_by(sites, "run-ab12")["folder"]
    with monkeypatch.context() as patched:
        patched.setattr(reprotect, "put_right", killed_now)
        with pytest.raises(Killed):
            reprotect.rebuild(sites.reprotect("run-ab12"))
    as_owner(sites, 'rm "$1/standby.signal"; cp "$2"/conf/*.conf "$1/"', sites.old.data, folder)
    write_later(sites)

    with pytest.raises(RefusedError, match="is not what this run kept"):
        reprotect.rebuild(sites.reprotect("run-ab12"))
    kept = kept_by(sites, "run-cd34")

    assert (kept["way"], kept["reason"]) == ("reseed", "it took writes on the timeline of the server that serves")
    assert kept["folder"] != folder
    assert brought_back(sites, "run-cd34")["rebuilt_by"] == "pg_basebackup"


def killed_now(*_: Any) -> Any:
    raise Killed
