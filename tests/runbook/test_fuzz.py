"""However the files are damaged, the answer is a list of problems, never a traceback."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from albus_dr.runbook.loader import load
from albus_dr.runbook.problems import InvalidRunbook
from albus_dr.workloads.registry import kinds
from tests.runbook.runbook_files import CONFIG, ENVIRONMENT, RUNBOOK

KINDS = kinds()
TOKENS = [
    "", " ", "\n", "  ", "\t", ":", ": ", "-", "- ", "[", "]", "{", "}", ",", "&a ", "*a", "!", "!!int ", "|", ">", "'", '"', "#", "?",
    "%", "@", "<<: ", "~", "null", "true", "no", "0", "-1", "1.5", "99999999999999999999", "${", "${}", "${PORT}", "$${", "${NO}",
    "patients", "application", "strasbourg", "kind: files", "é", "\x00", "\u2028", "\ufeff", "---", "...", "[[[[", "a: {b: [c]}",
]  # fmt: skip
mutations = st.lists(
    st.tuples(
        st.sampled_from(["insert", "replace line", "delete lines", "copy line", "indent"]),
        st.integers(0, 10_000),
        st.one_of(st.sampled_from(TOKENS), st.text(max_size=8)),
    ),
    min_size=1,
    max_size=4,
)


def mutated(text: str, changes: list[tuple[str, int, str]]) -> str:
    for how, where, token in changes:
        lines = text.split("\n")
        line = where % len(lines)
        match how:
            case "insert":
                place = where % (len(text) + 1)
                text = text[:place] + token + text[place:]
                continue
            case "replace line":
                key, colon, _ = lines[line].partition(": ")
                lines[line] = key + colon + token
            case "delete lines":
                del lines[line : line + 1 + len(token)]
            case "copy line":
                lines.insert(line, lines[where * 7 % len(lines)])
            case "indent":
                lines[line] = "  " + lines[line]
        text = "\n".join(lines) or "x"
    return text


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runbook=mutations, config=mutations, broken=st.sampled_from(["runbook", "config", "both"]))
def test_damage_never_ends_in_a_traceback(
    tmp_path: Path, runbook: list[tuple[str, int, str]], config: list[tuple[str, int, str]], broken: str
) -> None:
    files = {
        "runbook.yaml": mutated(RUNBOOK, runbook) if broken != "config" else RUNBOOK,
        "config.yaml": mutated(CONFIG, config) if broken != "runbook" else CONFIG,
    }
    for name, text in files.items():
        (tmp_path / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load(tmp_path / "runbook.yaml", kinds=KINDS, environment=ENVIRONMENT)
    except InvalidRunbook as error:
        for problem in error.problems:
            lines = {Path(name).name: len(text.splitlines()) + 1 for name, text in files.items()}
            assert 1 <= problem.line <= lines.get(Path(problem.file).name, 1)
            assert problem.column >= 1
            assert problem.message
