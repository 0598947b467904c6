"""The commands, on a real drill: made where the journal is, verified where nothing is but the file and the public key."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from albus_dr import __version__
from albus_dr.cli.main import VERBS
from albus_dr.evidence.envelope import payload_of
from albus_dr.report.french import NARROW, WIDE

PATIENT, SECRET = "Zéphyrine Quarkmarten", "s3cr3t-kumquat-7719"
HERE = "hosts: {{here: {{}}}}, scratch: {{host: here, path: {scratch}}}"


class Clinic:
    """A drill of one workload of commands: the first attempt fails and says too much, on purpose."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "state"
        scratch = folder / "scratch"
        scratch.mkdir()
        site = HERE.format(scratch=scratch)
        (folder / "config.yaml").write_text(
            "version: 1\nsites:\n"
            f"  lyon: {{location: {{latitude: 45.76, longitude: 4.84, country: FR}}, {site}}}\n"
            "  nantes: {location: {latitude: 47.22, longitude: -1.55, country: FR}, "
            f"provider: {{name: Hosting B, certificate: HDS}}, {site}, "
            "repositories: {backups: {restic: '${PLACE}', password: {env: RESTIC_SECRET}}}}\n"
        )
        (folder / "restore.sh").write_text(
            f"[ -e tried ] && exit 0\ntouch tried\necho 'no row of {PATIENT}, password '$RESTIC_SECRET >&2\nexit 1\n"
        )
        (folder / "clinic.yaml").write_text(
            "version: 1\nrunbook: clinic\nconfig: config.yaml\nobjectives: {rto: 1h, rpo: 1h, drill_every: 30d}\n"
            "sites: {primary: lyon, secondary: nantes}\n"
            "workloads: {pages: {kind: command, drill: {take: [sh, restore.sh], verify: ['true'], repeatable: true}}}\n"
        )

    def do(
        self, *arguments: str, folder: Path | None = None, state: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("ALBUS_")}
        more = {"ALBUS_DR_STATE": str(state or self.state), "RESTIC_SECRET": SECRET, "PLACE": "/nowhere"}
        return subprocess.run(
            (sys.executable, "-m", "albus_dr", *arguments), cwd=folder or self.folder, env=kept | more | environment,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
        return subprocess.run(
            ("git", *who, *arguments), cwd=self.folder, capture_output=True, text=True, timeout=60, check=True
        ).stdout.strip()


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    """With a drill behind it that failed and was resumed."""
    clinic = Clinic(tmp_path_factory.mktemp("clinic"))
    first = clinic.do("drill", "clinic.yaml")
    assert first.returncode == 4, first.stderr
    assert clinic.do("evidence", "keygen").returncode == 0
    return clinic


def create(clinic: Clinic, name: str, *options: str) -> Path:
    done = clinic.do("evidence", "create", "last", "--output", name, *options)
    assert done.returncode == 0, done.stderr
    return clinic.folder / name


def test_it_is_verified_without_the_projects_state(clinic: Clinic, tmp_path: Path) -> None:
    sealed = create(clinic, "a.json", "--profile", "hds,gdpr", "--profile", "soc2")
    assert sealed.stat().st_mode & 0o777 == 0o600
    shutil.copy(sealed, tmp_path / "a.json")
    shutil.copy(clinic.state / "evidence.key.pub", tmp_path)
    nowhere = tmp_path / "file" / "state"
    nowhere.parent.write_text("not a directory: a state can't be made here")

    def verify(*options: str) -> subprocess.CompletedProcess[str]:
        return clinic.do(
            "evidence", "verify", "a.json", "--key", "evidence.key.pub", *options, folder=tmp_path, state=nowhere
        )

    good = verify()
    assert good.returncode == 0, good.stderr
    assert "every byte is as it was signed" in good.stdout
    told = json.loads(verify("--json").stdout)
    assert (told["valid"], told["run"]["verdict"]) == (True, "failed")
    assert [each["profile"] for each in told["predicate"]["profiles"]] == ["hds", "gdpr", "soc2"]

    content = bytearray((tmp_path / "a.json").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "a.json").write_bytes(content)
    bad = verify()
    assert bad.returncode == 5
    assert json.loads(verify("--json").stdout)["exit_code"] == 5


def test_it_is_said_in_french(clinic: Clinic) -> None:
    def french(*arguments: str) -> str:
        done = clinic.do("evidence", *arguments, "--lang", "fr")
        assert done.returncode == 0, done.stderr
        return (done.stdout + done.stderr).replace(WIDE, " ").replace(NARROW, " ")

    made = french("keygen", "--output", "fr.key")
    assert made.startswith("clé privée    fr.key (mode 0600 ; gardez-en une copie là où un incendie des deux sites ")
    assert "clé publique  fr.key.pub (à remettre à votre auditeur, par un canal à part)\nidentifiant   " in made
    keyid = made.split()[-1][:16]

    created = french("create", "last", "--output", "fr.json", "--key", "fr.key", "--profile", "hds")
    run = json.loads(payload_of((clinic.folder / "fr.json").read_bytes()))["predicate"]["run"]["run"]
    assert created.startswith(f"fr.json : dossier de preuve de {run}, signé par la clé {keyid}\n  hds – renseignés : ")
    assert "    manque : Le contrat d'hébergement : lieux, sous-traitants, accès depuis des pays tiers\n" in created

    first, about, when, beyond, *found = french("verify", "fr.json", "--key", "fr.key.pub").splitlines()
    assert first == f"fr.json : chaque octet est tel que la clé {keyid} l'a signé"
    assert about == f"  exercice de reprise – clinic, échec (L1) : {run}"
    assert re.fullmatch(
        rf"  établi le \d\d/\d\d/\d{{4}} à \d\d:\d\d:\d\d UTC par albus-dr {re.escape(__version__)} ; journal \w{{16}}",
        when,
    )
    assert beyond == "Ce qu'il ne démontre pas :"
    english = clinic.do("evidence", "verify", "fr.json", "--key", "fr.key.pub").stdout.splitlines()[4:]
    assert len(found) == len(english) > 5
    assert set(found) & set(english) == set()


def test_why_a_file_is_refused_is_said_in_french(clinic: Clinic) -> None:
    sealed = create(clinic, "m.json")
    assert clinic.do("evidence", "keygen", "--output", "other.key").returncode == 0
    for content, why in (
        (sealed.read_bytes(), "la signature n'est pas celle de la clé "),
        (sealed.read_bytes() + b" ", "le fichier a été modifié en dehors de ce qui est signé"),
    ):
        sealed.write_bytes(content)
        done = clinic.do("evidence", "verify", "m.json", "--key", "other.key.pub", "--lang", "fr", "--json")
        assert done.returncode == 5
        assert f"albus-dr: {why}" in done.stderr
        assert f"  à faire{WIDE}: prenez une autre copie du fichier{NARROW}; comparez la clé" in done.stderr
        assert json.loads(done.stdout)["hint"].startswith("take another copy")


def test_nothing_that_was_said_in_confidence_is_in_it(clinic: Clinic) -> None:
    text = payload_of(create(clinic, "b.json").read_bytes()).decode()
    journal = next((clinic.state / "runs").glob("*/journal.jsonl")).read_text()
    assert "Quarkmarten" in journal, "the failed attempt must have said it, or this shows nothing"
    assert [canary for canary in (PATIENT, "Quarkmarten", SECRET) if canary in text] == []
    assert json.loads(text)["predicate"]["destruction"]["left_behind"] == []


def test_its_subject_is_the_journal_that_lies_there(clinic: Clinic) -> None:
    statement = json.loads(payload_of(create(clinic, "c.json").read_bytes()))
    mirror = clinic.state / "runs" / statement["subject"][0]["name"]
    assert hashlib.sha256(mirror.read_bytes()).hexdigest() == statement["subject"][0]["digest"]["sha256"]


def test_the_commit_that_the_run_was_declared_at_is_in_it(tmp_path: Path) -> None:
    clinic = Clinic(tmp_path)
    (tmp_path / "tried").touch()
    assert clinic.do("evidence", "keygen").returncode == 0

    def drilled() -> None:
        done = clinic.do("drill", "clinic.yaml")
        assert done.returncode == 4, done.stderr  # nothing in it answers, so no time is measured

    def repository(name: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(payload_of(create(clinic, name).read_bytes()))["predicate"]["repository"]
        return found

    drilled()
    clinic.git("init", "-q")
    clinic.git("add", "clinic.yaml", "config.yaml")
    clinic.git("commit", "-qm", "as it is")
    none = repository("none.json")
    assert (none["commit"], none["runbook_is_committed"]) == (None, None), "there was no repository when it ran"
    assert none["reason"]

    drilled()
    was = {"commit": clinic.git("rev-parse", "HEAD"), "runbook_is_committed": True, "reason": ""}
    with (tmp_path / "clinic.yaml").open("a") as file:
        file.write("# changed\n")
    clinic.git("commit", "-qam", "another one")
    assert repository("was.json") == was

    with (tmp_path / "config.yaml").open("a") as file:
        file.write("# changed\n")
    drilled()
    clinic.git("commit", "-qam", "too late")
    assert repository("changed.json") == {
        "commit": clinic.git("rev-parse", "HEAD~1"), "runbook_is_committed": False, "reason": "",
    }  # fmt: skip


def test_a_git_that_hangs_holds_no_run_up(tmp_path: Path) -> None:
    clinic = Clinic(tmp_path)
    (tmp_path / "tried").touch()
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text("#!/bin/sh\nexec sleep 600\n")
    git.chmod(0o755)

    done = clinic.do("drill", "clinic.yaml", "--json", PATH=f"{git.parent}:{os.environ['PATH']}")

    assert done.returncode == 4, done.stderr
    journal = clinic.state / "runs" / json.loads(done.stdout)["run"] / "journal.jsonl"
    declared = json.loads(journal.read_text().splitlines()[0])["data"]["repository"]
    assert (declared["commit"], declared["runbook_is_committed"]) == (None, None)
    assert "did not end within" in declared["reason"]


def test_nothing_is_overwritten_and_nothing_is_guessed(clinic: Clinic) -> None:
    sealed = create(clinic, "g.json")
    before = sealed.read_bytes()
    again = clinic.do("evidence", "create", "last", "--output", "g.json")
    assert (again.returncode, sealed.read_bytes()) == (2, before)
    assert clinic.do("evidence", "create", "last", "--output", "h.json", "--profile", "pci").returncode == 2
    assert not (clinic.folder / "h.json").exists()
    assert clinic.do("evidence", "keygen").returncode == 2


def test_the_passphrase_is_only_ever_a_reference(clinic: Clinic) -> None:
    made = clinic.do("evidence", "keygen", "--output", "locked.key", "--passphrase", "env:RESTIC_SECRET")
    assert made.returncode == 0, made.stderr
    assert clinic.do("evidence", "create", "last", "--output", "i.json", "--key", "locked.key").returncode == 2
    create(clinic, "j.json", "--key", "locked.key", "--passphrase", "env:RESTIC_SECRET")
    assert clinic.do("evidence", "verify", "j.json", "--key", "locked.key.pub").returncode == 0
    assert clinic.do("evidence", "verify", "j.json").returncode == 5  # another key's
    refused = clinic.do("evidence", "keygen", "--output", "k.key", "--passphrase", SECRET)
    assert refused.returncode == 2
    assert SECRET not in refused.stdout + refused.stderr


def test_a_run_that_has_not_ended_is_no_evidence(clinic: Clinic, tmp_path: Path) -> None:
    from albus_dr.journal.store import JournalStore
    from tests.evidence.recorded import RUN, events

    shutil.copy(clinic.state / "evidence.key", tmp_path)
    events(tmp_path)
    store = JournalStore(f"sqlite:///{tmp_path / 'engine.sqlite'}", tmp_path)
    store.append(RUN, "RunResumed", {})
    store.append(RUN, "RunStarted", {})
    store.close()
    done = clinic.do("evidence", "create", RUN, "--output", "l.json", state=tmp_path)
    assert done.returncode == 2
    assert "has not ended" in done.stderr


def test_where_the_run_has_no_directory_and_can_have_none_it_says_so(clinic: Clinic, tmp_path: Path) -> None:
    """The journal may be a database that a team shares, and this machine's state may be broken."""
    state = tmp_path / "state"
    shutil.copytree(clinic.state, state)
    shutil.rmtree(state / "runs")
    (state / "runs").write_text("not a directory")
    done = clinic.do("evidence", "create", "last", "--output", "n.json", state=state)
    assert done.returncode == 2, done.stderr
    assert f"{state / 'runs'}" in done.stderr
    assert "can't be used" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (clinic.folder / "n.json").exists()


def test_no_other_verb_imports_what_signs() -> None:
    source = (
        "import sys\nfrom albus_dr.cli.main import load\n"
        f"for verb in {[verb for verb in VERBS if verb != 'evidence']}: load(verb)\n"
        "print([name for name in ('securesystemslib', 'albus_dr.evidence') if name in sys.modules])"
    )
    done = subprocess.run((sys.executable, "-c", source), capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"
