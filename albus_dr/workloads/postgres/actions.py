"""What the steps of PostgreSQL do, by their names in a plan."""

from __future__ import annotations

from albus_dr.workloads import site
from albus_dr.workloads.copying import verify_copy
from albus_dr.workloads.postgres import change, drill, pages, recovery, reprotect
from albus_dr.workloads.step import Action

ACTIONS = {
    "postgres.ready_to_dump": Action(recovery.ready_to_dump),
    "postgres.ready_to_restore": Action(drill.ready_to_restore, look_ahead=drill.look_ahead),
    "postgres.ready_to_switch": Action(change.ready_to_switch),
    "postgres.ready_to_promote": Action(change.ready_to_promote),
    "postgres.dump": Action(recovery.dump),
    "postgres.copy": Action(recovery.copy, verify=verify_copy),
    "postgres.restore": Action(drill.restore, verify=site.verify_isolated),
    "postgres.compare": Action(drill.compare, verify=drill.verify_compared),
    "postgres.amcheck": Action(pages.check_pages, verify=pages.verify_pages),
    "postgres.stop": Action(change.stop, observe=change.observe_stopped),
    "postgres.promote": Action(change.promote, observe=change.observe_promoted),
    "postgres.verify": Action(change.verify_facts, verify=change.verify_promoted),
    "postgres.follow": Action(change.follow, observe=change.observe_following),
    "postgres.confirm": Action(change.confirm),
    "postgres.ready_to_reprotect": Action(reprotect.ready_to_reprotect),
    "postgres.quiesce": Action(reprotect.quiesce, observe=reprotect.observe_quiesced),
    "postgres.keep": Action(reprotect.keep, observe=reprotect.observe_kept, verify=reprotect.verify_kept),
    "postgres.rebuild": Action(reprotect.rebuild, observe=reprotect.observe_rebuilt, verify=reprotect.verify_rebuilt),
    "postgres.rejoin": Action(reprotect.rejoin, observe=reprotect.observe_rejoined),
    "postgres.catch_up": Action(reprotect.catch_up),
}
