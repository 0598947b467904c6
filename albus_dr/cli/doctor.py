"""``albus-dr doctor``: tools, versions, what is missing and how to get it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import typer

from albus_dr.cli.common import JsonOption, QuietOption
from albus_dr.cli.folding import columns, folded, table
from albus_dr.errors import ExitCode
from albus_dr.tools.inventory import Finding, System, format_version, take_inventory

SCHEMA = "albus-dr/doctor/1"
_SYSTEMS: dict[System, str] = {"debian": "Debian", "fedora": "Fedora", "macos": "macOS"}


def command(as_json: JsonOption = False, quiet: QuietOption = False) -> int:
    """Show the tools that albus-dr uses, their versions, what is missing and how to get it.

    Exit code 0: everything required is there; 3: something required is not.
    """
    findings = take_inventory()
    ready = not any(finding.required and finding.is_missing for finding in findings)
    if as_json:
        typer.echo(json.dumps({"schema": SCHEMA, "tools": [_document(finding) for finding in findings]}, indent=2))
    elif not (quiet and ready):
        typer.echo("\n".join(_lines(findings, columns(sys.stdout))))
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


def _lines(findings: Sequence[Finding], width: int) -> list[str]:
    rows = [("", "tool", "found", "at least", "needed for")]
    rows += [
        (_mark(each), each.name, format_version(each.version), format_version(each.minimum), each.needed_for)
        for each in findings
    ]
    advice = [line for finding in findings if finding.is_missing for line in ("", *_advice(finding, width))]
    return [*table(rows, width), *advice]


def _mark(finding: Finding) -> str:
    if not finding.is_missing:
        return "ok"
    return "MISSING" if finding.required else "absent"


def _advice(finding: Finding, width: int) -> list[str]:
    where = f" ({finding.path})" if finding.path else ""
    lines = {label: finding.get[system] for system, label in _SYSTEMS.items() if system in finding.get}
    return [
        *folded(f"{finding.name}: {finding.problem}{where}. Needed for: {finding.needed_for}.", width, rest="  "),
        *(
            each
            for label, line in lines.items()
            for each in folded(line, width, first=f"  {label + ':':8}", rest=" " * 10)
        ),
    ]
