"""What the steps of a directory tree do, by their names in a plan."""

from __future__ import annotations

from albus_dr.workloads.copying import verify_copy
from albus_dr.workloads.files import compare, keep, recovery, restore, switchover
from albus_dr.workloads.step import Action

ACTIONS = {
    "files.ready_to_back_up": Action(recovery.ready_to_back_up),
    "files.ready_to_restore": Action(restore.ready_to_restore, look_ahead=restore.look_ahead),
    "files.back_up": Action(recovery.back_up),
    "files.copy": Action(recovery.copy, verify=verify_copy),
    "files.warm": Action(recovery.warm),
    "files.restore": Action(restore.restore),
    "files.compare": Action(restore.compare, verify=compare.verify_compared),
    "files.take_back": Action(restore.take_back, observe=restore.observe_taken_back),
    "files.verify": Action(restore.verify, verify=compare.verify_compared),
    "files.ready_to_keep": Action(keep.ready_to_keep),
    "files.keep": Action(keep.keep, observe=keep.observe_kept, verify=keep.verify_kept),
    "files.bring_forward": Action(switchover.bring_forward),
    "files.carry_over": Action(switchover.carry_over),
    "files.compare_trees": Action(switchover.compare_trees, verify=compare.verify_compared),
}
