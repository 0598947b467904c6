"""No directory lies inside another one that is restored, rebuilt or cleaned up."""

from __future__ import annotations

import pytest

from albus_dr.runbook.problems import InvalidRunbook
from tests.runbook.runbook_files import CONFIG, ENVIRONMENT, RUNBOOK, Files

HINT = "; give each a directory of its own: what is restored, rebuilt or cleaned up in one would remove the other's"
TREES = """\
  scans: {kind: files, path: scans, recovery_points: {restic: backups}}
  letters: {kind: files, path: letters, recovery_points: {restic: backups}}
"""
BORDEAUX = "    hosts: {all: {}}\n    servers: {database: {host: all, data: /data}}\n"


def written(files: Files, scans: str, letters: str, hosts: str = "{all: {}}", at: str = "all") -> list[str]:
    """What is wrong when bordeaux has these two trees, the second on this host."""
    paths = f"    paths: {{scans: {{host: all, path: {scans}}}, letters: {{host: {at}, path: {letters}}}}}\n"
    config = CONFIG.replace(BORDEAUX, BORDEAUX.replace("{all: {}}", hosts) + paths)
    far = "    paths: {scans: {host: all, path: /far/scans}, letters: {host: all, path: /far/letters}}\n"
    config = config.replace("    fence: [{probe: all}]\n", "    fence: [{probe: all}]\n" + far)
    files.write(RUNBOOK.replace("  application:\n", TREES + "  application:\n"), config)
    return files.problems()


def test_side_by_side(files: Files) -> None:
    assert written(files, "/srv/scans", "/srv/scans-2") == []


@pytest.mark.parametrize(
    ("letters", "said"),
    [
        ("/srv/scans/letters", "lies inside sites.bordeaux.paths.scans.path"),
        ("//srv/other/../scans/./letters/", "lies inside sites.bordeaux.paths.scans.path"),
        ("/srv/scans/", "is the same directory as sites.bordeaux.paths.scans.path"),
        ("/srv", "holds sites.bordeaux.paths.scans.path"),
        ("/data/base", "holds sites.bordeaux.servers.database.data|lies inside sites.bordeaux.servers.database.data"),
        ("/scratch/letters", "sites.bordeaux.scratch.path holds sites.bordeaux.paths.letters.path"),
        ("/repository", "is the same directory as sites.bordeaux.repositories.backups.restic"),
        ("/far/letters", "sites.bordeaux.paths.letters.path is the same directory as sites.strasbourg.paths.letters.path"),
        ("/far", "sites.bordeaux.paths.letters.path holds sites.strasbourg.paths.scans.path"),
    ],
)  # fmt: skip
def test_one_inside_another_is_refused_where_it_is_written(files: Files, letters: str, said: str) -> None:
    found = written(files, "/srv/scans", letters)

    assert found
    assert all(problem.startswith("config.yaml:") and problem.endswith(HINT) for problem in found)
    assert any(part in problem for problem in found for part in said.split("|")), found


def test_the_place_is_exact(files: Files) -> None:
    [found] = written(files, "/srv/scans", "/srv/scans/letters")

    assert found == (
        "config.yaml:16:78: sites.bordeaux.paths.letters.path lies inside sites.bordeaux.paths.scans.path" + HINT
    )


@pytest.mark.parametrize(
    ("hosts", "refused"),
    [
        ("{all: {}, app: {ssh: root@app}}", False),
        ("{all: {ssh: root@app}, app: {ssh: root@app}}", True),
        ("{all: {}, app: {}}", True),
    ],
)
def test_two_machines_are_apart_whatever_the_names(files: Files, hosts: str, refused: bool) -> None:
    assert bool(written(files, "/srv/scans", "/srv/scans/letters", hosts, "app")) is refused


def test_a_machine_that_a_variable_names_may_be_any(files: Files) -> None:
    hosts = '{all: {ssh: "root@${FAR}"}, app: {ssh: "root@${NEAR}"}}'
    assert written(files, "/srv/scans", "/srv/scans/letters", hosts, "app")  # the variables are not set
    files.load(ENVIRONMENT, require_environment=False)
    files.load({**ENVIRONMENT, "FAR": "far", "NEAR": "near"})
    with pytest.raises(InvalidRunbook, match="lies inside"):
        files.load({**ENVIRONMENT, "FAR": "same", "NEAR": "same"})


def test_a_site_whose_hosts_are_not_read_is_not_compared(files: Files) -> None:
    assert written(files, "/srv/scans", "/srv/scans/letters", "{all: {}, app: {ssh: root@app}}", "app") == []
    files.replace("config.yaml", "hosts: {all: {}, app: {ssh", "Hosts: {all: {}, app: {ssh")

    assert files.problems() == ["config.yaml:14:5: unknown key Hosts; did you mean hosts?"]


def test_two_workloads_of_one_tree(files: Files) -> None:
    written(files, "/srv/scans", "/srv/letters")
    files.replace("runbook.yaml", "path: letters", "path: scans")

    assert files.problems() == [
        "runbook.yaml:17:32: letters protects the same directory as scans; one workload for one directory"
    ]


def test_a_witness_inside_a_tree_of_this_machine(files: Files) -> None:
    written(files, "/srv/scans", "/srv/letters")
    files.replace("config.yaml", "proxies:\n", "witness: {file: /srv/scans/witness}\nproxies:\n")

    [found] = files.problems()
    assert "witness.file lies inside sites.bordeaux.paths.scans.path" in found


def test_what_depends_on_a_variable_that_is_not_set_is_not_compared(files: Files) -> None:
    assert written(files, "/srv/scans", '"${TREE}/scans"') != []
    files.load({**ENVIRONMENT, "TREE": "/other"})
    assert files.load(ENVIRONMENT, require_environment=False).notes


def kept_in(here: str, there: str) -> str:
    """The config with these repositories."""
    config = CONFIG.replace("restic: /restic-sbg", f'restic: "{here}"')
    return config.replace("restic: /repository", f'restic: "{there}"')


@pytest.mark.parametrize(
    ("hosts", "here", "there", "refused"),
    [
        ("{all: {ssh: root@b}}", "s3:https://s3.example.org/restic", "s3:https://s3.example.org/restic/", True),
        ("{all: {ssh: root@b}}", "s3:https://s3.example.org/restic", "s3:https://s3.example.org/restic-2", False),
        ("{all: {ssh: root@b}}", "sftp:albus@nas.example.org:/restic", "sftp:albus@nas.example.org:/restic", True),
        ("{all: {ssh: root@b}}", "/repository", "/repository", False),
        ("{all: {ssh: root@b}}", "rclone:backups:restic", "rclone:backups:restic", False),
        ("{all: {ssh: root@b}}", "s3:http://127.0.0.1:9000/restic", "s3:http://127.0.0.1:9000/restic", False),
        ("{all: {ssh: root@b}}", "rest:http://me@localhost:8000/", "rest:http://me@localhost:8000/", False),
        ("{all: {ssh: root@b}}", "rest:http://me@127.0.0.1:8000/", "rest:http://me@127.0.0.1:8000/", False),
        ("{all: {ssh: root@b, options: [C=yes]}}", "sftp:nas:/restic", "sftp:nas:/restic", False),
        ("{all: {ssh: root@b}}", "b2:backups:restic", "b2:backups:restic", True),
        ("{all: {}}", "s3:http://127.0.0.1:9000/restic", "s3:http://127.0.0.1:9000/restic", True),
        ("{all: {}}", "local:/srv/./repository/", "/srv/repository", True),
        ("{all: {}}", "/srv/repository", "/srv/repository-2", False),
    ],
)
def test_one_repository_for_both_sites(files: Files, hosts: str, here: str, there: str, refused: bool) -> None:
    """A path, a loopback, a short name and a name of rclone's may be another place on another machine."""
    files.write(RUNBOOK, kept_in(here, there).replace(BORDEAUX, BORDEAUX.replace("{all: {}}", hosts)))

    said = ["config.yaml:16:38: both sites name one repository; give each its own"]
    assert files.problems() == (said if refused else [])


def test_repositories_that_a_variable_names_may_be_any(files: Files) -> None:
    files.write(RUNBOOK, kept_in("${ONE}", "${TWO}"))
    files.load(ENVIRONMENT, require_environment=False)
    files.load({**ENVIRONMENT, "ONE": "s3:a.example.org/b", "TWO": "s3:a.example.org/c"})
    with pytest.raises(InvalidRunbook, match="both sites name one repository"):
        files.load({**ENVIRONMENT, "ONE": "s3:a.example.org/b", "TWO": "s3:a.example.org/b"})
