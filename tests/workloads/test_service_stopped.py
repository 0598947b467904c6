"""When an application counts as stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from albus_dr.runbook.config import Config
from albus_dr.runbook.model import Runbook
from albus_dr.workloads import service
from albus_dr.workloads.step import State, StepSpec
from tests.workloads.test_small_pieces import A, context


@pytest.mark.parametrize(
    ("said", "code", "state"),
    [
        ("active", 0, State.NOT_DONE),
        ("inactive", 3, State.DONE),
        ("failed", 3, State.DONE),
        ("activating", 3, State.NOT_DONE),  # between two tries of Restart=on-failure
        ("deactivating", 3, State.NOT_DONE),
        ("", 1, State.UNKNOWN),
    ],
)
def test_a_unit_that_is_about_to_be_started_again_is_not_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, code: int, state: State
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "systemctl").write_text(f'#!/bin/sh\n[ "$2" = --quiet ] || echo "{said}"\nexit {code}\n')
    (programs / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    ctx = context(tmp_path)
    document: Any = ctx.config.model_dump(mode="json", exclude_unset=True, by_alias=True)
    document["sites"][A]["services"] = {
        "albus": {"host": "all", "systemd": "albus.service", "url": "http://127.0.0.1:9"}
    }
    model = service.Model.model_validate({"kind": "service", "service": "albus"})
    runbook = Runbook.model_construct(**{**dict(ctx.runbook), "workloads": {"application": model}})
    spec = StepSpec("application.stop", "application", A, "service.stop", "Stop")
    observe = service.ACTIONS["service.stop"].observe
    assert observe is not None
    assert observe(replace(ctx, config=Config.model_validate(document), runbook=runbook, spec=spec)).state is state
