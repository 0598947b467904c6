"""Which texts may stand in a journal, a report and an evidence file. What a database answered may hold a patient's name."""

from __future__ import annotations

import re

WITHHELD = "(withheld: free text)"
LEFT_OUT = "[…]"

# Counts, moments, checksums, ids of recovery points, and the words of our own comparisons. Nine digits are a count; a
# longer number may be a telephone or an insurance number; so may several that stand side by side.
_PLAIN = re.compile(
    r"""
    (?: (?P<number>-?\d{1,9}(?:[.,]\d{1,9})?%?)
      | \d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?)?
      | \d{8}T\d{6}Z-[0-9a-f]{8}
      | (?:checksum\ )?[0-9a-f]{8}
      | [0-9a-f]{64}
      | true | false | t | f | null | none | primary | standby | rows | equal | files | bytes | status
      | no\ single\ value:\ PostgreSQL\ refused\ the\ question,\ or\ gave\ none\ or\ several | nothing | no\ such\ table
      | a\ connection | the\ manifest | no\ recovery\ point\ has\ an\ answer\ to\ compare\ with | loopback\ alone
      | (?:its\ manifest\ is\ )?older\ than\ this\ comparison | there
      | no\ damage | objects | with | where\ they\ were | filled | default | by\ bytes | UTF8 | SQL_ASCII | LATIN\d{1,2} | WIN\d{3,4}
    )
    (?: ,?\ | $ )
    """,
    re.VERBOSE,
)


def is_plain(text: str) -> bool:
    """True when the text can't name anybody: every word of it is one of the few that are known to be harmless."""
    at, after_number = 0, False
    while at < len(text):
        found = _PLAIN.match(text, at)
        if found is None or found.end() == at or (after_number and found["number"]):
            return False
        at, after_number = found.end(), found["number"] is not None
    return True


def plain_or_withheld(text: str, *, known: str = "") -> str:
    """The text when it is plain, or when it is the runbook's own (``known``), which the plan shows anyway."""
    return text if is_plain(text) or (known and text == known) else WITHHELD


def plain_or_left_out(text: str, *, known: str = "") -> str:
    """The same, for whoever looks at a run: what was left out was compared all the same."""
    return text if is_plain(text) or (known and text == known) else LEFT_OUT
