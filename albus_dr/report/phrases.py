"""What the findings about a run are said with, in English. Other languages: ``words``."""

from __future__ import annotations

NOT_MEASURED = "not measured"

PHRASES = {
    "passed": "Passed",
    "failed": "Failed",
    "incomplete": "Incomplete",
    "not_evaluated": "Not evaluated",
    "in_progress": "Not ended",
    "unheard": "Unclear",
    "operation.replicate": "Replication",
    "operation.drill": "Drill",
    "operation.switchover": "Switchover",
    "operation.failover": "Failover",
    "operation.failback": "Failback",
    "operation.reprotect": "Reprotection",
    "way.replicate": "from {source} to {target}",
    "way.drill": "with the data of {source}, at {target}",
    "way": "from {source} to {target}",
    "step.succeeded": "done",
    "step.adopted": "found done",
    "step.failed": "failed",
    "step.skipped": "skipped",
    "step.unknown": "unknown",
    "step.waiting": "waiting",
    "step.running": "running",
    "step.pending": "not started",
    "clock.disrupted_at": "Disruption",
    "clock.assumed": "Disruption (assumed)",
    "clock.detected_at": "Detected",
    "clock.approved_at": "Approved",
    "clock.declared_at": "Declared",
    "clock.started_at": "Started",
    "clock.fenced_at": "Old primary fenced",
    "clock.data_recovered_at": "Data recovered",
    "clock.service_verified_at": "Service verified",
    "clock.clients_verified_at": "Clients verified",
    "clock.ended_at": "Ended",
    "head.back": "Service was back after {time}.",
    "head.switched": "Users were moved to {target}, and service was verified after {time}.",
    "head.drill": "The drill passed: a restored service answered after {time}.",
    "head.drill_data": "The drill passed: the restored data were verified after {time}. No application was asked.",
    "head.back_data": "The data were verified at {target} after {time}. No application and no door were asked.",
    "head.drill_untimed": "The drill passed; its recovery time was not measured.",
    "head.untimed": "Every step was done; the recovery time was not measured.",
    "head.replicated": "Recovery points were made and checked in {time}.",
    "head.replicated_untimed": "Recovery points were made and checked.",
    "head.reprotected": "{target} is the standby of {source} again, after {time}.",
    "head.step": "{operation} failed at “{title}”.",
    "head.verification": "{operation} failed: {count} of {all} verifications found something else than was saved.",
    "head.objective_time": "{operation} took {time}: longer than the {promised} that were promised.",
    "head.objective_point": "{operation} brought back data from {time} before the disruption: {promised} was promised.",
    "head.cleanup": "Cleanup failed: {count} things were left behind.",
    "head.cleanup_one": "Cleanup failed: one thing was left behind.",
    "head.refused": "{operation} was refused for safety.",
    "head.failed": "{operation} failed.",
    "head.no_service": "Service was not seen working for users.",
    "head.waiting": "{operation} waits for a person at “{title}”.",
    "head.interrupted": "{operation} was interrupted and can be resumed.",
    "head.running": "{operation} has not ended: {count} of {all} steps are done.",
    "head.objective": "{operation} missed an objective.",
    "head.lost": "{operation} lost writes that synchronous replication was to keep.",
    "head.incomplete": "{operation} is incomplete: {count} of {all} steps were not done.",
    "head.incomplete_one": "{operation} is incomplete: 1 of {all} steps was not done.",
    "head.incomplete_done": "{operation} is incomplete: not everything that was asked for was seen.",
    "head.not_evaluated": "{operation} was not evaluated.",
    "head.unheard": "{operation} ended with a verdict that this report does not know: {verdict}.",
    "head.budget": "{operation} is over a budget. {said}",
    "budget.over": "{clock} came {took} after the clock before it; its budget is {budget}.",
    "budget.over_most": "{clock} came {took} after the clock before it; its budget is {budget}. Most of it: {step}, {most}.",
    "trend.too_few": (
        "There are not enough runs for a trend: {count} measured a recovery time within 13 months. It takes {needed}, over at "
        "least {days} days."
    ),
    "trend.level": "In {count} runs within 13 months the recovery time has no trend that stands out from its scatter.",
    "trend.crosses": (
        "Recovery gets slower by {month} in 30 days ({count} runs within 13 months). If that goes on, it crosses the RTO of "
        "{rto} on {day}."
    ),
    "trend.far": (
        "Recovery gets slower by {month} in 30 days ({count} runs within 13 months). That does not cross the RTO of {rto} within "
        "{years} years."
    ),
    "trend.faster": "Recovery gets faster by {month} in 30 days ({count} runs within 13 months); the RTO is {rto}.",
    "trend.beyond": (
        "The trend lies beyond the RTO of {rto} already, and changes by {month} in 30 days ({count} runs within 13 months)."
    ),
    "trend.method": (
        "Method: the median of the slopes between every two runs (Theil and Sen), where the order of the runs is no chance "
        "(Mann and Kendall, 5 %)."
    ),
    "loss.none": "Nothing that users had been told was saved is lost.",
    "loss.none_count": "None of the {all} writes that users had been told were saved is lost.",
    "loss.some": "{count} of the {all} writes that users had been told were saved are lost.",
    "loss.some_uncounted": "{count} writes that users had been told were saved are lost.",
    "loss.no_writes": "Users saved nothing while this was watched, so loss was not put to the test.",
    "loss.unmeasured": "What users lost was not measured.",
    "loss.older": (
        "{workload} came back as of {at}, {age} before the disruption: what was newer, and only there, is not back."
    ),
    "loss.older_untimed": "{workload} came back as of {at}: what was newer, and only there, is not back.",
    "loss.no_change": "A run of this kind changes no primary: it put no write of a user at stake, and measured none.",
    "gap.rta": "Recovery time (RTA)",
    "gap.rpa": "Recovery point (RPA)",
    "gap.downtime": "Client downtime",
    "gap.acknowledged": "Acknowledged writes",
    "gap.lost": "Lost writes",
    "gap.clocks": "Clocks: {names}",
    "gap.steps": "Steps without a seen success: {names}",
    "gap.not_verified": "{workload}, not verified: {kinds}",
    "gap.no_verifications": "Verifications: none was made",
    "gap.distance": "Distance between the sites",
    "beyond.drill": "A drill works on an isolated copy. It does not show that users can be moved to the other site.",
    "beyond.assumed": (
        "Nothing was disrupted: the times of a drill count from its start, as if the site had been lost at that moment."
    ),
    "beyond.replicate": "Replication makes and checks copies. It does not show that service can run on them.",
    "beyond.promoted": (
        "Of a promoted database ({names}) a change of primary looks at its role, its collations and the answers to the runbook's "
        "questions. It compares neither rows, sequences, large objects nor grants with a manifest, and reads no pages with "
        "pg_amcheck: a drill does that with a copy."
    ),
    "beyond.no_day": (
        "No day's work was tried with the application ({names}): a drill does that with a copy, where the runbook asks for it."
    ),
    "beyond.files": "Whether the application read the restored files of {names} was not looked at: they were compared with their "
    "manifests, and its answers with what the runbook expects.",
    "beyond.adopted": "Steps found done ({names}) were done already when albus-dr looked: not how long they took.",
    "beyond.outlived": "Whether a process that hides its directory and its environment outlived the cleanup: the drill had the host's "
    "network, where nothing else would show it.",
    "beyond.left_out": "Answers that may name somebody are left out ({mark}); they were compared all the same.",
    "beyond.level": "Proof level {level} ({meaning}). Not shown: {higher}.",
    "share.tiny": "less than {share}",
    "proof.passed": "{count} of {all} passed",
    "proof.missing": "{kind} ({reason})",
    "level": "{level}: {meaning}",
    "level.L0": "declared",
    "level.L1": "checked by a probe",
    "level.L2": "data restored and verified",
    "level.L3": "the application served requests on it",
    "level.L4": "a real change of primary",
    "level.L5": "a completed return",
}  # fmt: skip
