"""albus-dr guard RUNBOOK --site NAME -- COMMAND…"""

from __future__ import annotations

from typing import Annotated

import typer

from albus_dr.cli.common import (
    ConfigOption,
    LangOption,
    QuietOption,
    RunbookArgument,
    answering_in,
    load_runbook,
    state_directory,
)
from albus_dr.errors import UsageError
from albus_dr.report.words import words_of


def command(
    runbook: RunbookArgument,
    program: Annotated[
        list[str],
        typer.Argument(metavar="COMMAND...", help="What makes the site writable, in the foreground; after --."),
    ],
    site: Annotated[str, typer.Option("--site", metavar="NAME", help="The site that this machine belongs to.")],
    keep_lease: Annotated[
        bool,
        typer.Option("--keep-lease", help="Stay, renew a lease, and end COMMAND in time when it can't be renewed."),
    ] = False,
    config: ConfigOption = None,
    quiet: QuietOption = False,
    lang: LangOption = "en",
) -> int:
    """Start COMMAND only where the witness says that this site is primary, and say why not otherwise.

    A server that would start as a standby is not writable and may start at either site. Ends with 8 when COMMAND may
    not start, with 3 when the witness does not answer, else as COMMAND does.
    """
    from albus_dr.runbook.problems import nearest
    from albus_dr.safety.guard import Guard
    from albus_dr.tools.witness_registers import open_register

    words = words_of(lang)
    loaded = load_runbook(runbook, config)
    sites = (loaded.runbook.sites.primary, loaded.runbook.sites.secondary)
    if site not in sites:
        raise UsageError(f"the runbook has no site {site}", hint=nearest(site, sites))
    state = state_directory()
    witness = loaded.config.witness
    guard = Guard(
        open_register(witness, loaded.runbook.runbook, state, loaded.config_path.parent),
        loaded.runbook.runbook, sites, site, loaded.config.sites[site], state / "guard",
        ttl_s=witness.lease if witness else 30.0,
        say=lambda text: None if quiet else typer.echo(f"albus-dr guard: {words.retold(text)}", err=True),
    )  # fmt: skip
    with answering_in(words):
        return guard.keep(program) if keep_lease else guard.replace_us(program)
