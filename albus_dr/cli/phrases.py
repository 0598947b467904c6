"""What init, validate, schedule and evidence say to people, and how an error says what to do. Of a run: ``live.phrases``.

By itself: whoever checks a runbook at every keystroke does not wait for the screens and the journal.
"""

from __future__ import annotations

PHRASES = {
    "hint": "  what to do: {hint}",
    "init.files": "{directory}: {files}",
    "init.next": "Next: put in your sites and names, then  {command}",
    "validate.valid": "{path} is valid: {count} workloads, {primary} -> {secondary} {km} km apart",
    "validate.valid_one": "{path} is valid: 1 workload, {primary} -> {secondary} {km} km apart",
    "validate.unset": (
        "note: {count} environment variables that {file} uses are not set here, from line {line} on; commands that act need them"
    ),
    "validate.unset_one": (
        "note: 1 environment variable that {file} uses is not set here, on line {line}; commands that act need it"
    ),
    "validate.no_witness": (
        "note: {file} names no witness: who is the primary is known in one state directory alone, that of the runs. Name one at a "
        "third place before a door, a guard or a second operator works elsewhere: docs/how-to/set-up-a-witness.md"
    ),
    "validate.no_fence": (
        "note: a failover from {site} would be refused, whatever anybody states: nothing can prove that it can't write. Under "
        "sites.{site} ({file}, line {line}) add  {fence}"
    ),
    "validate.door_at_a_site": (
        "note: the door {door} is at {site}'s own host {host} ({file}, line {line}): with {site} lost, a failover can't begin. Put "
        "it at a third place"
    ),
    "validate.no_marker": (
        "note: {workload} has no marker ({file}, line {line}): no failover can tell how old its newest write is, so none refuses "
        "to lose more than the RPO. Add  {marker}"
    ),
    "validate.loopback": (
        "note: albus-dr asks {service} at {site} from this machine, where {url} ({file}, line {line}) is this machine itself. Give "
        "the address by which it is reached from here"
    ),
    "validate.not_told": (
        "note: a drill starts a copy of {service} at {site} without telling it where the restored {need} is ({file}, line {line}): "
        "which one it works on, nobody sees. Put {placeholder} into its command or environment"
    ),
    "validate.directory": (
        "note: the repository {repository} of {site} is the directory {path} ({file}, line {line}), and {other} copies from it on "
        "another machine. Use one of {kinds}, or mount it at both under this name"
    ),
    "schedule.title": "{runbook}, with {scheduler}",
    "schedule.job": "{operation}: {rhythm} ({reason}): {condition}",
    "schedule.unseen": "note: whether {scheduler} starts the same could not be seen: {why}",
    "schedule.installed": "installed",
    "schedule.changed": "installed, but not like this: run schedule install",
    "schedule.absent": "not installed",
    "schedule.next": "next",
    "schedule.where": "where",
    "schedule.text": "text",
    "schedule.in_place": "{runbook}: everything is in place already ({scheduler})",
    "schedule.nothing": "{runbook}: nothing is installed",
    "schedule.environment": "What the config takes from the environment must stand in {file}, mode 0600.",
    "schedule.slept": "cron makes up for what a machine that was off has missed, not for a sleep; `albus-dr compliance` tells.",
    "schedule.linger": "Your own units run while you are logged in; `loginctl enable-linger` lets them run always.",
    "evidence.private": "private key",
    "evidence.keep": "{path} (mode 0600; keep a copy where a fire at both sites can't reach)",
    "evidence.public": "public key",
    "evidence.give": "{path} (give it to your auditor, by a way of its own)",
    "evidence.keyid": "key id",
    "evidence.created": "{file}: evidence of {run}, signed by {key}",
    "evidence.profile": "  {profile}: {recorded} recorded, {missing} missing",
    "evidence.missing": "    missing: {asks}",
    "evidence.verified": "{file}: every byte is as it was signed by {key}",
    "evidence.run": "  {operation} of {runbook}, {verdict} ({level}): {run}",
    "evidence.made": "  made {at} by albus-dr {version}; journal {head}",
    "evidence.limits": "It does not show:",
}
