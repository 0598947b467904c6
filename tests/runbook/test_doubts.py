"""What is valid, and would hurt on the day that it is for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from albus_dr.report.french import WIDE
from tests.runbook.runbook_files import ENVIRONMENT, RUNBOOK, Files
from tests.runbook.test_validate_verb import WITH_A_MARKER, validate

TWO_MACHINES = """\
version: 1
sites:
  strasbourg:
    location: {latitude: 48.5734, longitude: 7.7521}
    hosts: {all: {ssh: root@sbg.example.org}}
    servers: {database: {host: all, data: /data}}
    services: {albus: {host: all, systemd: albus.service, url: "http://sbg.example.org:8000"}}
    repositories: {backups: {restic: "rest:https://store.sbg.example.org/albus", password: {file: key}}}
    scratch: {host: all, path: /scratch}
    fence: [{probe: all}]
  bordeaux:
    location: {latitude: 44.8378, longitude: -0.5792}
    hosts: {all: {ssh: root@bdx.example.org}}
    servers: {database: {host: all, data: /data}}
    services: {albus: {host: all, systemd: albus.service, url: "http://bdx.example.org:8000"}}
    repositories: {backups: {restic: "rest:https://store.bdx.example.org/albus", password: {file: key}}}
    scratch: {host: all, path: /scratch}
    fence: [{probe: all}]
proxies:
  front: {haproxy: /door, backend: albus, servers: {strasbourg: a, bordeaux: b}, url: "http://albus.example.org"}
witness: {etcd: ["https://etcd.example.net:2379"]}
"""
KNOWN_AGE = RUNBOOK.replace(*WITH_A_MARKER)


@pytest.fixture
def sound(files: Files) -> Files:
    """A runbook and a config that nothing is said about."""
    files.write(KNOWN_AGE, TWO_MACHINES)
    done = validate("runbook.yaml", environment=ENVIRONMENT)
    assert (done.returncode, done.stderr) == (0, "")
    return files


STORE = "rest:https://store.{}.example.org/albus"
ASKED = ("albus-dr asks albus at {} from this machine", "albus-dr interroge albus à {}")
HELD = ("the repository backups of {} is the directory {}", "le dépôt backups de {} est le répertoire {}")
DOOR = ("the door front is at strasbourg's own host all", "la porte front est sur la machine all de strasbourg")
MARKER = ("patients has no marker", "patients n'a pas de")


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "begins"),
    [
        ("config.yaml", "http://sbg.", "http://127.0.0.1:9/", 7, [each.format("strasbourg") for each in ASKED]),
        ("config.yaml", "http://bdx.", "http://[::1]:9/", 15, [each.format("bordeaux") for each in ASKED]),
        ("config.yaml", STORE.format("bdx"), "/srv/dr", 16, [each.format("bordeaux", "/srv/dr") for each in HELD]),
        ("config.yaml", STORE.format("sbg"), "local:dr", 8, [each.format("strasbourg", "local:dr") for each in HELD]),
        ("config.yaml", "{haproxy:", "{host: {ssh: door@sbg.example.org}, haproxy:", 20, DOOR),
        ("runbook.yaml", "    marker: SELECT max(at) FROM visits\n", "", 9, MARKER),
    ],
    ids=["url", "url-6", "directory", "local", "door", "marker"],
)
def test_it_is_noted_with_its_place_and_is_valid(
    sound: Files, file: str, old: str, new: str, line: int, begins: tuple[str, str]
) -> None:
    sound.replace(file, old, new)
    said, quiet = (validate("runbook.yaml", *more, environment=ENVIRONMENT) for more in ((), ("-q",)))
    [note] = json.loads(validate("runbook.yaml", "--json", environment=ENVIRONMENT).stdout)["notes"]
    translated = validate("runbook.yaml", "--lang", "fr", environment=ENVIRONMENT)

    assert (said.returncode, quiet.returncode, quiet.stderr) == (0, 0, "")
    assert said.stderr.startswith(f"note: {begins[0]}")
    assert f"{file}, line {line})" in " ".join(said.stderr.split())
    assert (note["file"], note["line"], bool(note["hint"])) == (file, line, True)
    assert translated.stderr.replace(WIDE, " ").startswith(f"remarque : {begins[1]}")


def test_a_copy_that_is_not_told_where_its_data_lie_is_noted(sound: Files) -> None:
    """It would work on whatever its configuration names: production's, perhaps."""
    url = 'url: "http://sbg.example.org:8000"'
    sound.replace("config.yaml", url, url + ", drill: {command: [serve, '{patients}']}")
    assert validate("runbook.yaml", environment=ENVIRONMENT).stderr == ""
    sound.replace("config.yaml", "[serve, '{patients}']", "[serve, '{{patients}}', '{port}']")
    [note] = json.loads(validate("runbook.yaml", "--json", environment=ENVIRONMENT).stdout)["notes"]
    assert note["message"] == "a drill's copy of albus at strasbourg is not told where the restored patients is"
    assert "{patients}" in note["hint"]
    assert note["line"] == 7
    said = validate("runbook.yaml", "--lang", "fr", environment=ENVIRONMENT).stderr
    assert "sans lui dire où se trouve patients restauré" in " ".join(said.split())
    sound.replace("config.yaml", "'{port}']", "'{port}'], environment: {DATABASE_URL: '{patients}?a=b'}")
    assert validate("runbook.yaml", environment=ENVIRONMENT).stderr == ""


def test_a_door_at_this_machine_is_at_the_site_whose_host_it_is(sound: Files) -> None:
    """albus-dr runs at the secondary, say."""
    sound.replace("config.yaml", "hosts: {all: {ssh: root@bdx.example.org}}", "hosts: {all: {}}")
    done = validate("runbook.yaml", environment=ENVIRONMENT)

    assert done.returncode == 0
    assert done.stderr.startswith("note: the door front is at bordeaux's own host all (config.yaml, line 20)")


def test_what_is_one_machine_has_all_of_it_there(files: Files) -> None:
    files.write(KNOWN_AGE)
    files.replace("config.yaml", "proxies:\n", "    fence: [{statement: true}]\nproxies:\n")
    done = validate("runbook.yaml", environment=ENVIRONMENT)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_directory_that_both_machines_have_is_still_one_of_two_sites(sound: Files) -> None:
    """Nothing tells a mount from a name that happens to be the same; that it is one repository for both is refused elsewhere."""
    text = Path("config.yaml").read_text().replace('"rest:https://store.sbg.example.org/albus"', "/srv/sbg")
    Path("config.yaml").write_text(text.replace('"rest:https://store.bdx.example.org/albus"', "/srv/bdx"))
    done = validate("runbook.yaml", "--json", environment=ENVIRONMENT)

    assert [note["line"] for note in json.loads(done.stdout)["notes"]] == [8, 16]


def test_of_what_is_not_known_here_nothing_is_said(sound: Files) -> None:
    """validate in CI has none of the variables: what stands in for them is the same everywhere."""
    text = (
        Path("config.yaml")
        .read_text()
        .replace("root@sbg.example.org", "${SBG}")
        .replace("root@bdx.example.org", "${BDX}")
    )
    for site in ("sbg", "bdx"):
        text = text.replace(STORE.format(site), f"${{STORE_{site.upper()}}}").replace(
            f"http://{site}.", f"http://${{{site.upper()}}}."
        )
    text = text.replace("{haproxy: /door", '{host: {ssh: "${DOOR}"}, haproxy: "10.0.0.1:${PORT}"')
    Path("config.yaml").write_text(text.replace("ssh: ${SBG}", 'ssh: "${SBG}"').replace("ssh: ${BDX}", 'ssh: "${BDX}"'))
    done = validate("runbook.yaml", "--json")
    notes = json.loads(done.stdout)["notes"]
    assert done.returncode == 0, done.stdout
    assert {note["message"].partition(" ")[0] for note in notes} == {"the"}
    assert all("environment variable" in note["message"] for note in notes), notes
