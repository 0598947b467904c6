"""YAML's traps."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
import yaml

from albus_dr.runbook import yaml_nodes
from albus_dr.runbook.yaml_nodes import MAX_BYTES, Mark, parse, read


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of PyYAML's parsers: the one in C is not everywhere."""
    if not hasattr(yaml, request.param):
        pytest.skip("PyYAML was built without libyaml")
    monkeypatch.setattr(yaml_nodes, "_LOADER", getattr(yaml, request.param))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("false", False), ("null", None), ("~", None), ("", None),
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("True", "True"), ("Null", "Null"),
        ("1:30", "1:30"), ("0x1F", "0x1F"), ("0o17", "0o17"), ("007", "007"), ("1_000", "1_000"), ("0b1", "0b1"),
        ("2024-01-31", "2024-01-31"), ("=", "="), (".inf", ".inf"), ("1.", "1."), (".5", ".5"), ("1e3", "1e3"),
        ("0", 0), ("-12", -12), ("+7", 7), ("1.50", 1.5), ("-0.5792", -0.5792), ("1.0e3", 1000.0),
        ("1.0e400", "1.0e400"), ("9" * 5000, "9" * 5000), ("'5'", "5"), ('"true"', "true"), ("'~'", "~"),
    ],
)  # fmt: skip
def test_plain_scalars_are_read_strictly(text: str, value: object) -> None:
    document, problems = parse(f"key: {text}\n", "f")

    assert not problems
    assert document.get("key") == value
    assert type(document.get("key")) is type(value)


def test_keys_are_always_text() -> None:
    document, problems = parse("on: 1\n12: 2\ntrue: 3\n~: 4\n", "f")

    assert not problems
    assert document.value == {"on": 1, "12": 2, "true": 3, "~": 4}


def test_every_key_and_value_has_its_place() -> None:
    document, _ = parse("é: [ü, {b: c}]\nd:\n  - x\n", "f")

    assert document.keys == {("é",): Mark(1, 1), ("é", 1, "b"): Mark(1, 9), ("d",): Mark(2, 1)}
    assert document.values[("é", 1, "b")] == Mark(1, 12)
    assert document.values[("d", 0)] == Mark(3, 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "f:3:1: the key a is given twice; keep this one or the one at line 1, column 1"),
        ("a: {b: 1, b: 2}\n", "f:1:11: the key b is given twice; keep this one or the one at line 1, column 5"),
        ("a: *b\n", "f:1:4: this alias (*) has no anchor (&) before it; quote a value that starts with *"),
        ("a: &b [*b]\n", "f:1:8: this alias (*) stands inside its own anchor (&); write the value out"),
        ("a: !!python/object/apply:os.system [ls]\n",
         "f:1:4: tags (with !) are not used here; remove the tag; quotes make a value text"),
        ("a: 1\n---\nb: 2\n", "f:2:1: a second document starts here; keep one document in a file"),
        ("? [a]\n: 1\n", "f:1:3: a key must be plain text; quote {…} and […] where they are a value"),
        ("a: &x {b: 1}\n<<: *x\n",
         "f:2:1: merge keys (<<) are not used here; write the keys out, or use an alias as a whole value"),
        ("", "f:1:1: the file is empty; albus-dr init writes a starter"),
        ("# nothing\n", "f:1:1: the file is empty; albus-dr init writes a starter"),
        ("a: 1\nb: \x07\n", "f:2:4: the file holds a control character; remove it, or escape it in double quotes"),
        ('a: "\\0"\n', "f:1:4: this text holds a control character; remove it, or the escape that makes it"),
        ('"a\\e[2J": 1\n', "f:1:1: this text holds a control character; remove it, or the escape that makes it"),
        ('a: "\\x9b2J"\n', "f:1:4: this text holds a control character; remove it, or the escape that makes it"),
        ("a: b\u202ec\n", "f:1:4: this text holds a control character; remove it, or the escape that makes it"),
        ('a: "b\\u2067c"\n', "f:1:4: this text holds a control character; remove it, or the escape that makes it"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, expected: str) -> None:
    _, problems = parse(text, "f")

    assert [str(problem) for problem in problems] == [expected]


def test_a_syntax_error_has_its_place() -> None:
    _, [problem] = parse("a: [1, 2\nb: 3\n", "f")

    assert (problem.line, problem.message.split(":")[0]) == (2, "this is not YAML")


def test_a_tab_is_told_as_one() -> None:
    _, [problem] = parse("a:\n\t- b\n", "f")

    assert (problem.line, problem.column) == (2, 1)
    assert problem.hint.startswith("indent with spaces")


def test_aliases_are_written_out_with_the_places_of_their_anchor() -> None:
    document, problems = parse("a: &x {b: 1}\nc: *x\n", "f")

    assert not problems
    assert document.value == {"a": {"b": 1}, "c": {"b": 1}}
    assert document.values[("c",)] == Mark(2, 4)
    assert document.values[("c", "b")] == Mark(1, 11)


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12)]
    _, problems = parse("\n".join(lines), "f")

    assert [problem.message for problem in problems] == ["the file holds more than 20000 values"]


def test_an_alias_staircase_is_refused() -> None:
    lines = ["a0: &a0 [x]", *(f"a{level}: &a{level} [*a{level - 1}]" for level in range(1, 100))]
    _, problems = parse("\n".join(lines), "f")

    assert [problem.message for problem in problems] == ["this is nested deeper than 40 levels"]


@pytest.mark.parametrize("bracket", ["[", "{a: ", "- "])
def test_a_deep_nest_is_refused(bracket: str) -> None:
    _, problems = parse(bracket * 500, "f")

    assert [problem.message for problem in problems] == ["this is nested deeper than 40 levels"]


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"# " * (MAX_BYTES // 2 + 1))
    _, problems = read(path, "large")

    assert [str(problem) for problem in problems] == [
        "large:1:1: the file is larger than 1024 KiB; is it the right file?"
    ]


def test_another_encoding_is_refused_where_it_shows(tmp_path: Path) -> None:
    path = tmp_path / "latin"
    path.write_bytes("a: 1\nb: é\n".encode("latin-1"))
    _, problems = read(path, "latin")

    assert [str(problem) for problem in problems] == ["latin:2:4: the file is not UTF-8 text; save it as UTF-8"]


def test_a_byte_order_mark_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "marked"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    document, problems = read(path, "marked")

    assert not problems
    assert document.value == {"a": 1}
    assert document.keys[("a",)] == Mark(1, 1)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    _, problems = read(tmp_path, "d")

    assert [str(problem) for problem in problems] == ["d:1:1: the file can't be read: is a directory"]


@pytest.mark.parametrize("held", [True, False])
def test_a_pipe_that_nobody_writes_to_is_left(held: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_nodes, "PIPE_S", 0.1)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    holder = os.open(path if held else os.devnull, os.O_RDWR)
    try:
        _, [problem] = read(path, "pipe")
    finally:
        os.close(holder)

    assert problem.message == "the file can't be read: nothing more came within 0.1 s"


def test_a_pipe_is_read_to_its_end() -> None:
    """As a shell's <(…) gives one."""
    out, into = os.pipe()
    writer = threading.Thread(target=_write_slowly, args=(into,))
    writer.start()
    try:
        document, problems = read(Path(f"/dev/fd/{out}"), "pipe")
    finally:
        writer.join()
        os.close(out)

    assert not problems
    assert document.value == {"a": 1, "b": 2}


def _write_slowly(into: int) -> None:
    with os.fdopen(into, "w") as stream:
        stream.write("a: 1\n")
        stream.flush()
        time.sleep(0.05)
        stream.write("b: 2\n")
