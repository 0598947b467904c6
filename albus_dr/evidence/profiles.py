"""What a law, a standard or a contract asks for, and where this evidence has it, or that it has not.

A profile never says whether the answer suffices: that is an auditor's to say. Every reference was held against the text of
the law or the criteria, or against several quotations of a clause that is sold; what could not be found there has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ask:
    """``places`` are where the answer stands in the predicate (dots between keys, ``*`` for every one).

    Without places albus-dr records nothing of it: somebody must add it.
    """

    reference: str
    asks: str
    places: tuple[str, ...] = ()


_TESTED = ("run.operation", "clocks.started_at", "clocks.ended_at", "run.verdict")
_TIMES = ("objectives", "actuals.rta_s", "actuals.rpa_s")
_DESTROYED = ("destruction.removed", "destruction.how", "destruction.at")
_WHERE = ("sites.*.latitude", "sites.*.longitude", "sites.*.country", "distance_km")
_HOSTS = ("sites.*.provider", "sites.*.certificate")
_CHECKED = ("restored", "verifications", "compared")

TITLES = {
    "hds": "Hébergement de données de santé (France): code de la santé publique (CSP), L.1111-8 and R.1111-9 to R.1111-11",
    "iso22301": "ISO 22301:2019, business continuity management",
    "iso27001": "ISO/IEC 27001:2022, Annex A",
    "soc2": "SOC 2, Trust Services Criteria 2017 (availability, confidentiality, security)",
    "dora": "DORA: Regulation (EU) 2022/2554",
    "nis2": "NIS 2: Directive (EU) 2022/2555",
    "hipaa": "HIPAA Security Rule: 45 CFR Part 164, Subpart C",
    "gdpr": "GDPR: Regulation (EU) 2016/679",
}

PROFILES: dict[str, tuple[Ask, ...]] = {
    "hds": (
        Ask("CSP L.1111-8", "Who hosts health data at each site, and with which certificate", _HOSTS),
        Ask("CSP R.1111-9-1", "That each site stands in the European Economic Area: country and place", _WHERE),
        Ask("CSP R.1111-9, 6°", "Backup of health data (activity 6): what was restored and compared", _CHECKED),
        Ask("CSP R.1111-9, 6°", "When the restore was tried, and how it ended", _TESTED),
        Ask("GDPR Art. 5(1)(e)", "How restored health data was destroyed, and when", _DESTROYED),
        Ask("CSP R.1111-9", "The activities (1 to 6) that each certificate covers, and its end date"),
        Ask("CSP R.1111-11", "The hosting contract: places, subcontractors, access from third countries"),
    ),
    "iso22301": (
        Ask("8.2.2", "Time frames for resuming (RTO), and what was measured", ("objectives", "actuals.rta_s")),
        Ask("8.2.2", "The maximum tolerable period of disruption that they come from"),
        Ask("8.4.4", "The plan that was followed: steps, order, who does what", ("plan.steps", "people")),
        Ask("8.5", "When it was exercised, and how it ended", _TESTED),
        Ask("8.5", "The scenario that was exercised", ("run.scenario",)),
        Ask("8.5", "A report on the exercise: outcomes, and where it did not go as planned", ("verifications", "steps")),
        Ask("10.1", "Corrective actions that follow, with owners and dates"),
    ),
    "iso27001": (
        Ask("A.5.29", "That security holds during a disruption: who approved and decided what", ("people",)),
        Ask("A.5.30", "ICT readiness: objectives, what was measured, when it was tested", (*_TIMES, *_TESTED)),
        Ask("A.8.10", "How restored information was deleted", _DESTROYED),
        Ask("A.8.13", "That backups were restored and compared", _CHECKED),
        Ask("A.8.14", "A second site: where both stand", _WHERE),
        Ask("A.8.33", "That restored production data was protected while it was used for a test"),
    ),
    "soc2": (
        Ask("A1.2", "Recovery infrastructure: sites and distance", _WHERE),
        Ask("A1.3", "That the recovery plan was tested, and met its objectives", (*_TESTED, *_TIMES)),
        Ask("CC7.5", "What was restored, and how it was checked", ("plan.protects", *_CHECKED)),
        Ask("C1.2", "Disposal of restored confidential information", _DESTROYED),
        Ask("CC7.5", "Lessons learned, and changes that follow"),
    ),
    "dora": (
        Ask("Art. 11(6)", "When response and recovery plans were tested, and how it ended", _TESTED),
        Ask("Art. 11(6)", "The scenario that was tested", ("run.scenario",)),
        Ask("Art. 12(2)", "Periodic tests of backup and restoration: what was restored, and how it ended", ("plan.protects", *_TESTED)),
        Ask("Art. 12(3)", "That the restoring systems are apart from the source: sites and providers", (*_WHERE, *_HOSTS)),
        Ask("Art. 12(6)", "Recovery time and point objectives, and what was measured", _TIMES),
        Ask("Art. 12(7)", "Checks and reconciliations of recovered data", _CHECKED),
        Ask("Art. 11(5)", "The business impact analysis, and which functions are critical or important"),
        Ask("Art. 28(3)", "The register of information about third-party providers"),
    ),
    "nis2": (
        Ask("Art. 21(2)(c)", "Backup management: what was restored and compared", _CHECKED),
        Ask("Art. 21(2)(c)", "Disaster recovery: plan, test and result", ("plan.steps", *_TESTED)),
        Ask("Art. 21(2)(f)", "Whether the measure is effective: objectives and what was measured", _TIMES),
        Ask("Art. 21(2)(d)", "Supply chain: who hosts each site", _HOSTS),
        Ask("Art. 20(1)", "That the management body approved the measures"),
    ),
    "hipaa": (
        Ask("164.308(a)(7)(ii)(A)", "Data backup plan: retrievable exact copies, compared", ("plan.protects", *_CHECKED)),
        Ask("164.308(a)(7)(ii)(B)", "Disaster recovery plan: the steps that restore data", ("plan.steps",)),
        Ask("164.308(a)(7)(ii)(D)", "Testing and revision: when it was tested, and how it ended", _TESTED),
        Ask("164.308(a)(7)(ii)(E)", "Criticality: objectives of applications and data", _TIMES),
        Ask("164.310(d)(2)(i)", "Disposal of restored health information", _DESTROYED),
        Ask("164.308(a)(7)(ii)(C)", "Emergency mode operation: how people work until service is back"),
        Ask("164.308(b)(1)", "Business associate contracts with who hosts the sites"),
    ),
    "gdpr": (
        Ask("Art. 32(1)(b)", "Resilience: two sites, and where they stand", _WHERE),
        Ask("Art. 32(1)(c)", "Restoring access in a timely manner: objectives and what was measured", _TIMES),
        Ask("Art. 32(1)(d)", "Regular testing: when, and how it ended", _TESTED),
        Ask("Art. 5(1)(e)", "That the restored copy was kept no longer than needed", _DESTROYED),
        Ask("Art. 28(3)", "Processors, and the contracts with them", ("sites.*.provider",)),
        Ask("Art. 30", "The record of processing that this belongs to"),
        Ask("Art. 32(1)(a)", "Encryption of the copies, and who holds the keys"),
    ),
}  # fmt: skip


def answered(name: str, predicate: Mapping[str, Any]) -> dict[str, Any]:
    """The profile, with what this evidence has of each thing that is asked for. ``name`` is one of PROFILES."""
    answers = []
    for ask in PROFILES[name]:
        missing = [place for place in ask.places if not all(_has(value) for value in _values(predicate, place))]
        status = "recorded" if ask.places and not missing else "missing"
        answers.append({
            "reference": ask.reference, "asks": ask.asks, "status": status, "stands_in": list(ask.places),
            "missing": missing if ask.places else ["albus-dr records nothing of it: add it"],
        })  # fmt: skip
    return {"profile": name, "title": TITLES[name], "answers": answers}


def _values(data: Any, place: str) -> Iterator[Any]:
    """What stands at the place; None where there is nothing."""
    key, _, rest = place.partition(".")
    below = list(data.values()) if key == "*" and isinstance(data, Mapping) else [_below(data, key)]
    for each in below or [None]:
        if rest:
            yield from _values(each, rest)
        else:
            yield each


def _below(data: Any, key: str) -> Any:
    return data.get(key) if isinstance(data, Mapping) else None


def _has(value: Any) -> bool:
    return value not in (None, "", [], {})
