"""What a valid pair of files becomes, and what happens when more than one thing is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from albus_dr.errors import ExitCode, UsageError
from albus_dr.runbook.loader import load
from albus_dr.runbook.problems import InvalidRunbook
from albus_dr.workloads import postgres, service
from albus_dr.workloads.registry import kinds
from tests.runbook.runbook_files import CONFIG, ENVIRONMENT, RUNBOOK, Files


def test_workloads_are_instances_of_their_kinds(files: Files) -> None:
    workloads = files.load().runbook.workloads

    assert isinstance(workloads["patients"], postgres.Model)
    assert workloads["patients"].recovery_points.dump == "backups"
    assert isinstance(workloads["application"], service.Model)
    assert workloads["application"].needs == ("patients",)


def test_variables_become_what_the_model_wants(files: Files) -> None:
    strasbourg = files.load({"PORT": "5433", "USER_NAME": ""}).config.sites["strasbourg"]

    assert strasbourg.servers["database"].port == 5433
    assert strasbourg.servers["database"].run_as is None
    assert strasbourg.services["albus"].url == "http://127.0.0.1:5433"


def test_a_variable_may_hold_digits_where_text_belongs(files: Files) -> None:
    assert (
        files.load({**ENVIRONMENT, "USER_NAME": "1000"}).config.sites["strasbourg"].servers["database"].run_as == "1000"
    )


def test_two_dollars_write_one(files: Files) -> None:
    files.replace("config.yaml", 'run_as: "${USER_NAME}"', 'run_as: "$${USER_NAME} $5"')

    assert files.load().config.sites["strasbourg"].servers["database"].run_as == "${USER_NAME} $5"


def test_keys_are_not_interpolated(files: Files) -> None:
    files.replace("config.yaml", "bordeaux:\n", '"${USER_NAME}":\n')

    assert any("${USER_NAME} is not a name" in problem for problem in files.problems())


def test_variables_in_the_runbook_are_plain_text(files: Files) -> None:
    files.replace("runbook.yaml", "[./tell.sh, now]", '[./tell.sh, "${NOW}"]')

    assert files.load().runbook.steps[0].run == ("./tell.sh", "${NOW}")


def test_variables_that_are_not_set_are_errors_once_each(files: Files) -> None:
    assert files.problems({}) == [
        "config.yaml:6:56: the environment variable PORT is not set; set it, or write the value here; "
        "$${ writes a plain ${",
        "config.yaml:6:75: the environment variable USER_NAME is not set; set it, or write the value here; "
        "$${ writes a plain ${",
    ]


def test_variables_that_are_not_set_are_notes_where_nobody_acts(files: Files) -> None:
    loaded = files.load({}, require_environment=False)

    assert [note.message for note in loaded.notes] == [
        "the environment variable PORT is not set", "the environment variable USER_NAME is not set",
    ]  # fmt: skip
    assert isinstance(loaded.config.sites["strasbourg"].servers["database"].port, int)


def test_the_rest_is_checked_where_variables_are_not_set(files: Files) -> None:
    files.replace("config.yaml", "probe: all", "probe: al")
    with pytest.raises(InvalidRunbook) as caught:
        files.load({}, require_environment=False)

    assert [problem.message for problem in caught.value.problems] == ["site strasbourg has no host al"]


def test_a_distance_from_variables_that_are_not_set_proves_nothing(files: Files) -> None:
    files.replace("config.yaml", "longitude: -0.5792", 'longitude: "${LONGITUDE}"')

    assert [note.message for note in files.load(ENVIRONMENT, require_environment=False).notes] == [
        "the environment variable LONGITUDE is not set"
    ]
    [problem] = files.problems({**ENVIRONMENT, "LONGITUDE": "7.0"})
    assert "km apart; the objective is 500 km" in problem


def test_a_value_that_no_stand_in_fits_is_told_as_the_missing_variable(files: Files) -> None:
    files.replace("config.yaml", "fence: [{probe: all}]", 'fence: [{probe: "${HOST}"}]')
    with pytest.raises(InvalidRunbook, match="HOST is not set"):
        files.load(ENVIRONMENT, require_environment=False)

    assert files.problems({**ENVIRONMENT, "HOST": "all"}) == []


def test_everything_that_is_wrong_in_both_files_is_told_at_once(files: Files) -> None:
    for file, old, new in (
        ("runbook.yaml", "rto: 4h", "rto: 4"),
        ("runbook.yaml", "kind: service", "kind: servic"),
        ("runbook.yaml", "needs: [patients]", "needs: [patient]"),
        ("runbook.yaml", "proxy: front", "proxy: back"),
        ("runbook.yaml", "    after: door\n", ""),
        ("config.yaml", "latitude: 48.5734", "latitude: 148"),
        ("config.yaml", "probe: all", "probe: al"),
        ("config.yaml", "{host: all, data: /data}", "{host: all}"),
    ):
        files.replace(file, old, new)

    assert [problem.split(" ", 1)[0] for problem in files.problems()] == [
        "config.yaml:4:26:", "config.yaml:10:21:", "config.yaml:14:15:",
        "runbook.yaml:4:19:", "runbook.yaml:17:11:", "runbook.yaml:18:13:", "runbook.yaml:23:12:", "runbook.yaml:25:5:",
    ]  # fmt: skip


def test_one_unreadable_file_does_not_hide_the_other(files: Files) -> None:
    files.write(RUNBOOK.replace("rto: 4h", "rto: 4"), CONFIG.replace("hosts: {all: {}}", "hosts: {all: {}"))

    problems = files.problems()
    assert [problem.split(":")[0] for problem in problems] == ["config.yaml", "runbook.yaml"]


def test_gravelines_is_too_near(files: Files) -> None:
    files.write(
        RUNBOOK.replace("bordeaux", "gravelines"),
        CONFIG.replace("bordeaux", "gravelines").replace("44.8378", "50.9871").replace("-0.5792", "2.1281"),
    )

    assert files.problems() == [
        "runbook.yaml:4:60: strasbourg and gravelines are 484 km apart; the objective is 500 km"
    ]  # fmt: skip


SECRETS = (
    "password: hunter2", "password: {hunter2: }", "password: [hunter2]", "password: {file: key, hunter2: x}",
    "password: !hunter2 x", "password: *hunter2", "password: {env: hunter2!}", "password: {file: [hunter2]}",
    "password: {command: hunter2}", "password: {command: {hunter2: 1}}", "password: {env: {hunter2: 1}}",
    'password: "hunter2', "password: &hunter2", "password: hunter2: x", 'password: "${hunter2}"',
    "password: '${hunter2 '", "password: @hunter2", "password: {{hunter2: }: }", "password: ? hunter2",
)  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_not_repeated(files: Files, secret: str) -> None:
    text = CONFIG.replace("password: {file: key}", "PASSWORD", 1).replace(
        "password: {file: key}", "password: {file: k}"
    )
    files.write(config=text.replace("PASSWORD", secret))
    problems = files.problems()

    assert problems
    if secret != 'password: "${hunter2}"':  # that one is the name of a variable
        assert "hunter2" not in "\n".join(problems)


def test_an_error_in_an_anchor_is_told_once(files: Files) -> None:
    files.write(
        config=CONFIG.replace("scratch: {host: all, path: /scratch}", "scratch: &scratch {host: all, path: tmp}", 1)
        .replace("scratch: {host: all, path: /scratch}", "scratch: *scratch")
    )  # fmt: skip

    assert files.problems() == ["config.yaml:9:41: path must start with /"]


def test_a_config_from_the_command_line_replaces_the_runbooks(files: Files) -> None:
    Path("other").mkdir()
    Path("config.yaml").rename("other/c.yaml")
    loaded = load(Path("runbook.yaml"), Path("other/c.yaml"), kinds=kinds(), environment=ENVIRONMENT)

    assert loaded.config_path == Path("other/c.yaml")


def test_the_config_is_relative_to_the_runbook(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path.cwd()
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    loaded = load(Path("../runbook.yaml"), kinds=kinds(), environment=ENVIRONMENT)

    assert loaded.config_path.resolve() == here / "config.yaml"


def test_positions_answer_for_later_errors(files: Files) -> None:
    loaded = files.load()

    step = loaded.problem(("steps", 0, "after"), "there is no door", "look again")
    missing = loaded.problem(("workloads", "door", "nothing", "at", "all"), "is missing")
    fence = loaded.positions.config.problem(("sites", "strasbourg", "fence"), "no second way", at_key=True)
    assert str(step) == "runbook.yaml:28:12: there is no door; look again"
    assert str(missing) == "runbook.yaml:21:5: is missing"
    assert str(fence) == "config.yaml:10:5: no second way"


def test_the_error_is_a_usage_error_that_prints_everything(files: Files) -> None:
    files.replace("runbook.yaml", "version: 1", "version: 2")
    files.replace("config.yaml", "version: 1", "version: 2")
    with pytest.raises(UsageError) as caught:
        files.load()

    assert caught.value.exit_code == ExitCode.USAGE
    assert str(caught.value) == "config.yaml:1:10: version must be 1\nrunbook.yaml:1:10: version must be 1"


def test_a_runbook_that_is_not_there(files: Files) -> None:
    Path("runbook.yaml").unlink()

    assert files.problems() == ["runbook.yaml:1:1: the file can't be read: no such file or directory"]


@pytest.mark.parametrize(
    ("repository", "is_refused"),
    [
        ("s3.lyon.example.org/clinic/restic", True), ("s3.lyon.example.org:9000/clinic", True), ("backup.example.org", True),
        ("s3:s3.lyon.example.org/clinic", False), ("rest:https://b.example.org/", False), ("sftp:u@b.example.org:/r", False),
        ("/srv/restic.d", False), ("./restic.d", False), ("restic", False),
    ],
)  # fmt: skip
def test_a_host_in_the_place_of_a_repository_is_refused(files: Files, repository: str, is_refused: bool) -> None:
    text = Path("config.yaml").read_text().replace("restic: /repository", f'restic: "{repository}"')
    Path("config.yaml").write_text(text)
    said = files.problems()
    assert len(said) == (1 if is_refused else 0), said
    assert all("s3:https://HOST/BUCKET/PATH" in each for each in said)
