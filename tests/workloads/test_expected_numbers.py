"""A number in `expect:` is a number: PostgreSQL prints a numeric with its zeros, and YAML drops them."""

from __future__ import annotations

import pytest

from albus_dr.workloads.postgres.questions import _is_number


@pytest.mark.parametrize(
    ("actual", "expect", "same"),
    [
        ("12.50", 12.5, True), ("100.00", 100.0, True), ("100", 100.0, True), ("0.10", 0.1, True), ("1e+20", 1e20, True),
        ("12.51", 12.5, False), ("0.1000000000000000055511151231257827", 0.1, False), ("", 0.0, False), ("no", 0.0, False),
        ("NaN", 0.0, False), ("12.50", "12.5", False), ("1", 1, False), ("t", True, False), ("1.0", True, False),
    ],
)  # fmt: skip
def test_zeros_make_no_other_number(actual: str, expect: object, same: bool) -> None:
    assert _is_number(actual, expect) is same
