"""status: what it calls wrong, and that a silent site holds up nobody. On two real sites: tests/docs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from albus_dr.cli.common import load_runbook
from albus_dr.cli.status import LastFailover, _last_failover
from albus_dr.journal.state import RunState
from albus_dr.runbook.model import Runbook
from albus_dr.safety.record import Record
from albus_dr.workloads.standing import Point, Replication, Standing, concerns, unprotected
from tests.cli.two_directories import COMMAND, TwoDirectories
from tests.report.run_states import bare

TOP = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 10, 3, 12, tzinfo=UTC)
STREAMS = Replication(
    "bordeaux",
    synchronous=True,
    sync_state="sync",
    received_lag_bytes=0,
    replayed_lag_bytes=64,
    confirmed_after_s=0.0137,
)
GONE = replace(STREAMS, sync_state="", received_lag_bytes=None, replayed_lag_bytes=None, confirmed_after_s=None)
ROLES = {
    ("patients", "strasbourg"): "primary", ("patients", "bordeaux"): "standby", ("documents", "strasbourg"): "present",
    ("documents", "bordeaux"): "present", ("application", "strasbourg"): "running", ("application", "bordeaux"): "stopped",
    ("door", "strasbourg"): "open", ("door", "bordeaux"): "closed",
}  # fmt: skip
KINDS = {"patients": "postgres", "documents": "files", "application": "service", "door": "traffic"}


@pytest.fixture(scope="module")
def runbook() -> Runbook:
    return load_runbook(TOP / "playbooks" / "albus.yaml", None, acts=False).runbook


def standings(
    *,
    roles: dict[tuple[str, str], str] | None = None,
    replication: Replication = STREAMS,
    ages: dict[str, timedelta] | None = None,
) -> tuple[Standing, ...]:
    """All well, but for what is given."""
    found = []
    for (workload, site), role in (ROLES | (roles or {})).items():
        age = ({"patients": timedelta(minutes=14), "documents": timedelta(minutes=14)} | (ages or {})).get(workload)
        found.append(
            Standing(
                workload, KINDS[workload], site, role, reason="no answer" if role == "unreachable" else "",
                replication=replication if role == "primary" else None, point=Point("p", NOW - age) if age else None,
            )
        )  # fmt: skip
    return tuple(found)


def told(runbook: Runbook, found: tuple[Standing, ...], primary: str = "strasbourg") -> list[str]:
    return list(concerns(found, runbook, primary, NOW))


def test_nothing_is_wrong_when_all_is_well(runbook: Runbook) -> None:
    assert told(runbook, standings()) == []
    assert unprotected(standings()) == ()


@pytest.mark.parametrize(
    ("workload", "site", "role"),
    [
        ("patients", "bordeaux", "stopped"), ("patients", "strasbourg", "stopped"), ("documents", "bordeaux", "missing"),
        ("application", "strasbourg", "stopped"), ("door", "strasbourg", "closed"), ("door", "bordeaux", "open"),
    ],
)  # fmt: skip
def test_a_role_that_is_not_what_it_should_be(runbook: Runbook, workload: str, site: str, role: str) -> None:
    found = told(runbook, standings(roles={(workload, site): role}))
    remedy = ": albus-dr door sets it" if workload == "door" else ""
    assert f"{workload} at {site}: it is {role}; it should be {ROLES[workload, site]}{remedy}" in found


def test_roles_are_those_of_the_site_that_serves_now(runbook: Runbook) -> None:
    assert told(runbook, standings(), primary="bordeaux")
    swapped = {("patients", "strasbourg"): "standby", ("patients", "bordeaux"): "primary",
               ("application", "strasbourg"): "stopped", ("application", "bordeaux"): "running",
               ("door", "strasbourg"): "closed", ("door", "bordeaux"): "open"}  # fmt: skip
    streams = replace(STREAMS, standby="strasbourg")
    assert told(runbook, standings(roles=swapped, replication=streams), primary="bordeaux") == []


def test_two_primaries_come_first(runbook: Runbook) -> None:
    found = told(runbook, standings(roles={("patients", "bordeaux"): "primary"}))
    assert found[0].startswith("patients: TWO PRIMARIES: strasbourg and bordeaux")


def test_writers_that_wait_are_told(runbook: Runbook) -> None:
    found = told(runbook, standings(replication=GONE))
    assert any("no standby named bordeaux streams; WRITERS WAIT" in each for each in found)
    assert unprotected(standings(replication=GONE)) == ("patients",)


def test_writers_that_do_not_wait_are_told_where_the_runbook_promises_it(runbook: Runbook) -> None:
    found = told(runbook, standings(replication=replace(STREAMS, synchronous=False, sync_state="async")))
    assert found == ["patients at strasbourg: the runbook says synchronous, and commits don't wait for a standby"]


def test_recovery_points_from_the_future_are_told(runbook: Runbook) -> None:
    late = (Point("20980101T000000Z-aaaaaa", NOW), Point("20990101T000000Z-abcdef", NOW + timedelta(days=1)))
    forged = [replace(each, future=late) if each.workload == "documents" else each for each in standings()]
    found = told(runbook, tuple(forged))
    assert len(found) == 2
    assert (
        "documents at bordeaux: recovery points dated in the future are LEFT OUT: 2, the newest 20990101T" in found[1]
    )


def test_documents_are_held_against_the_objective(runbook: Runbook) -> None:
    found = told(runbook, standings(ages={"documents": timedelta(minutes=16)}))
    assert found == [
        f"documents at {site}: the newest recovery point is 16 min old; 15 min are allowed"
        for site in ("strasbourg", "bordeaux")
    ]


def test_a_dump_may_be_late_once_while_the_standby_streams_and_not_when_it_is_gone(runbook: Runbook) -> None:
    late = {"patients": timedelta(minutes=29)}
    assert told(runbook, standings(ages=late)) == []
    assert told(runbook, standings(ages={"patients": timedelta(minutes=31)}))
    assert any(
        "29 min old; 1 min are allowed" in each for each in told(runbook, standings(ages=late, replication=GONE))
    )


def changed(run: str, at: datetime) -> RunState:
    """A change of primary of this machine's, declared at this moment; the site was lost before."""
    state = bare(run.partition("-")[0])
    return replace(state, run=run, clocks={**state.clocks, "declared_at": at, "disrupted_at": at - timedelta(hours=1)})


@pytest.mark.parametrize(
    ("ours", "reprotected", "changed_by", "last"),
    [
        (None, "", "switchover-20260310T030000Z-0badcafe", None),
        (None, "", "failover-20260310T030000Z-0badcafe", "theirs"),
        (None, "0320", "failover-20260310T030000Z-0badcafe", None),
        ("failover-20260310T020000Z-00000001", "", "failover-20260310T030000Z-0badcafe", "theirs"),
        ("failover-20260310T020000Z-00000001", "0220", "failover-20260310T030000Z-0badcafe", "theirs"),
        ("failover-20260310T020000Z-00000001", "0320", "failover-20260310T030000Z-0badcafe", None),
        ("failover-20260310T020000Z-00000001", "", "failback-20260310T030000Z-0badcafe", None),
        ("failover-20260310T030000Z-0badcafe", "", "failover-20260310T030000Z-0badcafe", "ours"),
        ("failover-20260310T030000Z-0badcafe", "0230", "failover-20260310T030000Z-0badcafe", "ours"),
        ("failover-20260310T030000Z-0badcafe", "0320", "failover-20260310T030000Z-0badcafe", None),
        ("switchover-20260310T030000Z-0badcafe", "", "switchover-20260310T030000Z-0badcafe", None),
        ("failover-20260310T040000Z-00000002", "", "failover-20260310T033000Z-0badcafe", "ours"),
        ("failover-20260310T020000Z-00000001", "", "ana@ops1", "ours"),
    ],
    ids=[
        "none", "a colleague's", "reprotected after a colleague's", "a colleague's later one", "though ours was reprotected",
        "both reprotected", "a colleague's failback", "the same", "a reprotect while the site was lost already", "reprotected",
        "a switchover", "without the witness", "then told by a person",
    ],
)  # fmt: skip
def test_the_last_failover_is_that_of_whichever_machine_made_it(
    ours: str | None, reprotected: str, changed_by: str, last: str | None
) -> None:
    """Of ours the moment of the disruption is known, of a colleague's that of its commit."""
    at = datetime(2026, 3, 10, 3, 0, 7, tzinfo=UTC)
    record = Record("albus", ("strasbourg", "bordeaux"), 4, "bordeaux", changed_by, at.timestamp())
    changes, lost = [], None
    if ours:
        began = datetime.strptime(ours.split("-")[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        changes, lost = [changed(ours, began)], began - timedelta(hours=1)
    since = {"ours": lost, "theirs": at}.get(last or "")
    run = {"ours": ours, "theirs": changed_by}.get(last or "")
    expected = LastFailover(run, "strasbourg", "bordeaux", since) if run and since else None
    reprotected_at = datetime.strptime(f"20260310{reprotected}+0000", "%Y%m%d%H%M%z") if reprotected else None
    assert _last_failover(changes, reprotected_at, record) == expected
    by_hand = replace(record, primary="strasbourg", changed_by="ana@ops1")
    assert _last_failover(changes, None, by_hand) is None, "a person said that the other site serves"


def test_an_unreachable_site_is_told_once_for_each_workload(runbook: Runbook) -> None:
    lost = tuple(
        Standing(each.workload, each.kind, each.site, "unreachable", "no answer", point_reason="no answer")
        if each.site == "bordeaux"
        else each
        for each in standings()
    )
    assert told(runbook, lost) == [f"{name} at bordeaux: unreachable: no answer" for name in KINDS]


# --- a site that takes connections and says nothing ---------------------------------------------------------------


@pytest.fixture
def silent_port() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield int(listening.getsockname()[1])


@pytest.fixture
def clinic(tmp_path: Path, silent_port: int) -> Path:
    """A runbook whose first site is silent, by ssh and by S3; the second is here."""
    for name in ("ssh", "restic"):
        if shutil.which(name) is None:
            pytest.skip(f"the program {name} is not installed here")
    (tmp_path / "scans").mkdir()
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text("a long password")
    location = "location: {latitude: 45.0, longitude: 4.0, country: FR}"
    (tmp_path / "config.yaml").write_text(f"""
version: 1
sites:
  lyon:
    {location}
    hosts: {{app: {{ssh: nobody@127.0.0.1, port: {silent_port}}}}}
    paths: {{scans: {{host: app, path: /srv/scans}}}}
    scratch: {{host: app, path: /srv/scratch}}
    repositories:
      backups: {{restic: "s3:http://127.0.0.1:{silent_port}/clinic", password: {{file: key}},
                 access_key: {{file: key}}, secret_key: {{file: key}}}}
  nantes:
    {location}
    hosts: {{app: {{}}}}
    paths: {{scans: {{host: app, path: {tmp_path}/scans}}}}
    scratch: {{host: app, path: {tmp_path}/scratch}}
    repositories: {{backups: {{restic: {tmp_path}/repository, password: {{file: key}}}}}}
""")
    (tmp_path / "clinic.yaml").write_text("""
version: 1
runbook: clinic
config: config.yaml
objectives: {rto: 4h, rpo: 15m, drill_every: 1y}
sites: {primary: lyon, secondary: nantes}
workloads: {scans: {kind: files, path: scans, recovery_points: {restic: backups}}}
""")
    return tmp_path


def command(folder: Path, *more: str) -> tuple[list[str], dict[str, str]]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ALBUS_")}
    argv = [sys.executable, "-m", "albus_dr", "status", str(folder / "clinic.yaml"), *more]
    return argv, environment | {"ALBUS_DR_STATE": str(folder / "state")}


@pytest.mark.timeout(120)
def test_a_silent_site_is_unreachable_and_the_other_is_shown(clinic: Path) -> None:
    argv, environment = command(clinic, "--json")
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 3, done.stderr
    document = json.loads(done.stdout)
    lyon, nantes = document["workloads"][0]["sites"]
    assert (lyon["role"], nantes["role"]) == ("unreachable", "present")
    assert lyon["reason"]
    assert "there is no repository" in nantes["recovery_point_reason"]
    assert not document["well"]
    assert "a drill is due: no drill has passed yet; one is promised every 365 d" in document["concerns"]


@pytest.mark.timeout(120)
def test_watching_ends_with_ctrl_c_and_tells_the_last_state(clinic: Path) -> None:
    argv, environment = command(clinic, "--watch")
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith("clinic: lyon serves, nantes is the other site")
        for line in child.stdout:
            if line.startswith("Not as it should be"):
                break
        child.send_signal(signal.SIGINT)
        rest, _ = child.communicate(timeout=90)
        assert child.returncode == 3, rest


def test_watching_has_no_one_document(clinic: Path) -> None:
    argv, environment = command(clinic, "--watch", "--json")
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "choose one" in done.stderr


def test_a_drill_is_due_where_compliance_says_so(tmp_path: Path) -> None:
    sites = TwoDirectories(tmp_path, COMMAND)
    runbook = sites.base / "runbook.yaml"
    sites.environment["VERIFY"] = "false"
    assert sites.call("drill", str(runbook), "-q").returncode == 5

    assert any("the last drill failed" in each for each in drill_concerns(sites))
    runbook.write_text(runbook.read_text().replace('eval "$VERIFY"', 'eval "$VERIFY" || false'))
    assert any("the plan has changed since the last drill" in each for each in drill_concerns(sites))


def drill_concerns(sites: TwoDirectories) -> list[str]:
    """Each names its drill once."""
    done = sites.call("status", str(sites.base / "runbook.yaml"), "--json")
    assert done.returncode == 3, done.stderr
    concerns: list[str] = json.loads(done.stdout)["concerns"]
    told = sites.call("compliance", str(sites.base / "runbook.yaml"), "--json")
    assert told.returncode == 9
    found = [each for each in concerns if "drill" in each]
    assert json.loads(told.stdout)["reason"] in found[0]
    return found
