"""What the guard answers, in French: why it starts nothing is told, what only programs say stays as it is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from albus_dr.report.french import NARROW, WIDE
from albus_dr.safety import rule
from albus_dr.safety.record import Claim, Record
from albus_dr.tools.file_register import FilePlace
from tests.cli.test_resume_from_elsewhere import SITES


class Guarded:
    """A site whose witness is a directory on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        server = f"\n    servers: {{database: {{host: here, port: 5433, data: {self.data}}}}}"
        sites = SITES.replace("hosts: {here: {}}", f"hosts: {{here: {{}}}}{server}", 1)
        (folder / "config.yaml").write_text(f"version: 1\nsites:{sites}\n")
        (folder / "wiki.yaml").write_text(
            "version: 1\nrunbook: wiki\nconfig: config.yaml\nobjectives: {rto: 1h, rpo: 1h, drill_every: 30d}\n"
            "sites: {primary: lyon, secondary: nantes}\n"
            "workloads: {pages: {kind: command, replicate: {take: ['true'], repeatable: true}}}\n"
        )

    def says(self, primary: str) -> Record:
        """The witness, from now on: ``primary`` is the primary."""
        made = rule.establish(
            None, "wiki", ("lyon", "nantes"), primary, run="failover-1", epoch_seen=0, identities={}, now=time.time(), margin_s=1
        ).record  # fmt: skip
        assert made
        return self.write(made)

    def write(self, record: Record) -> Record:
        place = FilePlace(self.folder / "state" / "witness")
        place.write("wiki", record.to_text(uuid.uuid4().hex), place.read("wiki").version)
        return record

    def guard(self, *options: str, command: str = "true", code: int = 8) -> tuple[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("ALBUS_")}
        argv = ("guard", "wiki.yaml", "--site", "lyon", "--lang", "fr", *options, "--", command)
        done = subprocess.run(
            (sys.executable, "-m", "albus_dr", *argv), cwd=self.folder, timeout=60, check=False, capture_output=True,
            text=True, env=kept | {"ALBUS_DR_STATE": str(self.folder / "state")},
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done.stdout, done.stderr.replace(WIDE, " ").replace(NARROW, " ")


@pytest.fixture
def site(tmp_path: Path) -> Guarded:
    return Guarded(tmp_path)


def test_without_a_record(site: Guarded) -> None:
    _, told = site.guard()
    assert told == (
        f"albus-dr: le témoin (le répertoire {site.folder}/state/witness de cette machine) ne contient rien sur wiki : "
        "personne n'a dit quel site est le principal\n"
        "  à faire : examinez les deux sites, puis : albus-dr witness set RUNBOOK --primary SITE ; ce qui tourne continue ; "
        "démarrez dès que le témoin répond, ou sans le gardien si vous êtes sûr qu'aucun autre site n'écrit\n"
    )


@pytest.mark.parametrize("options", [(), ("--keep-lease",)])
def test_where_another_site_is_primary(site: Guarded, options: tuple[str, ...]) -> None:
    site.says("nantes")
    _, told = site.guard(*options)
    assert re.fullmatch(
        r"albus-dr: non démarré : nantes est le site principal de l'époque 1, depuis failover-1 ; l'époque 1 a commencé le "
        r"\d\d/\d\d/\d{4} à \d\d:\d\d:\d\d UTC avec failover-1\n"
        r"  à faire : albus-dr status montre les deux sites ; une réservation prend fin avec son exécution : albus-dr runs "
        r"list\n",
        told,
    ), told


def test_under_a_claim(site: Guarded) -> None:
    site.write(replace(site.says("lyon"), claim=Claim("failover-2", "nantes", time.time())))
    assert (
        "non démarré : failover-2 est en train de changer de site principal : nantes est réservé ; " in site.guard()[1]
    )


def test_a_witness_that_is_not_believed(site: Guarded) -> None:
    site.write(replace(site.says("lyon"), epoch=7))
    site.guard(code=0)
    site.says("lyon")
    _, told = site.guard()
    assert "n'est pas cru : l'époque du témoin a reculé : il indique 1, alors que 7 a déjà été vue ici ; " in told
    assert (
        "  à faire : examinez les deux sites, puis : albus-dr witness set RUNBOOK --primary SITE, autant de fois qu'il le "
        "faut pour que l'époque dépasse 7 : chaque fois l'augmente de 1\n"
    ) in told


def test_a_standby(site: Guarded) -> None:
    site.data.mkdir()
    (site.data / "standby.signal").touch()
    told = f"albus-dr guard: démarre comme secours : {site.data} contient standby.signal"
    assert site.guard(code=0)[1] == f"{told}\n"
    site.says("lyon")
    assert site.guard("--keep-lease", code=0)[1] == f"{told} ; prendra un bail une fois promu\n"


def test_json_keeps_the_english(site: Guarded) -> None:
    site.says("nantes")
    out, told = site.guard("--json")
    assert json.loads(out)["error"].startswith("not started: nantes is the primary in epoch 1, since failover-1; ")
    assert "non démarré" in told


def test_what_the_catalogue_does_not_have_is_told_in_english(site: Guarded) -> None:
    site.says("lyon")
    _, told = site.guard(command="/nowhere/postgres", code=3)
    assert told == "albus-dr: there is no program /nowhere/postgres here\n  what to do: write its whole path\n"
