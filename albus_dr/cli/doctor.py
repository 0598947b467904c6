"""``albus-dr doctor``: tools, versions, what is missing and how to get it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import typer

from albus_dr.cli.common import JsonOption, LangOption, QuietOption
from albus_dr.cli.folding import columns, folded, table
from albus_dr.cli.live.phrases import PHRASES
from albus_dr.errors import ExitCode
from albus_dr.report.words import Words, words_of
from albus_dr.tools.inventory import Finding, System, format_version, take_inventory

SCHEMA = "albus-dr/doctor/1"
_SYSTEMS: dict[System, str] = {"debian": "Debian", "fedora": "Fedora", "macos": "macOS"}


def command(as_json: JsonOption = False, quiet: QuietOption = False, lang: LangOption = "en") -> int:
    """Show the tools that albus-dr uses, their versions, what is missing and how to get it.

    Exit code 0: everything required is there; 3: something required is not.
    """
    words = words_of(lang)
    findings = take_inventory()
    ready = not any(finding.required and finding.is_missing for finding in findings)
    if as_json:
        typer.echo(json.dumps({"schema": SCHEMA, "tools": [_document(finding) for finding in findings]}, indent=2))
    elif not (quiet and ready):
        typer.echo("\n".join(_lines(findings, words, columns(sys.stdout))))
    return ExitCode.PASSED if ready else ExitCode.NOT_READY


def _document(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "path": finding.path,
        "version": format_version(finding.version) if finding.version else None,
        "minimum": format_version(finding.minimum) if finding.minimum else None,
        "required": finding.required,
        "needed_for": finding.needed_for,
        "problem": finding.problem or None,
        "get": finding.get,
    }


def _lines(findings: Sequence[Finding], words: Words, width: int) -> list[str]:
    headings = (words.say(PHRASES[f"doctor.{name}"]) for name in ("tool", "found", "minimum", "needed_for"))
    rows = [("", *headings)]
    rows += [
        (
            words.say(PHRASES[_mark(each)]),
            each.name,
            format_version(each.version),
            format_version(each.minimum),
            words.retold(each.needed_for),
        )
        for each in findings
    ]
    advice = [line for finding in findings if finding.is_missing for line in ("", *_advice(finding, words, width))]
    return [*table(rows, width), *advice]


def _mark(finding: Finding) -> str:
    if not finding.is_missing:
        return "doctor.ok"
    return "doctor.missing" if finding.required else "doctor.absent"


def _advice(finding: Finding, words: Words, width: int) -> list[str]:
    said = words.say(
        PHRASES["doctor.problem_at" if finding.path else "doctor.problem"], tool=finding.name,
        problem=words.retold(finding.problem), path=finding.path, needed_for=words.retold(finding.needed_for),
    )  # fmt: skip
    lines = {label: finding.get[system] for system, label in _SYSTEMS.items() if system in finding.get}
    return [
        *folded(said, width, rest="  "),
        *(
            each
            for label, line in lines.items()
            for each in folded(words.retold(line), width, first=f"  {label + ':':8}", rest=" " * 10)
        ),
    ]
