"""Make the returned server's directory equal to the server that serves: by pg_rewind, else by a new base backup.

The folder beside the directory says how far it has come. Either program works in the folder: the directory makes room
first, as it was kept, and gets its place back as a whole. So whatever lies there is not half rebuilt, and what takes over
after a kill is a base backup, which needs nothing of what is half done.
"""

from __future__ import annotations

from dataclasses import replace

from albus_dr.errors import RefusedError, TransientError
from albus_dr.tools import postgres_rebuild
from albus_dr.tools.host import write_file
from albus_dr.tools.postgres import QUICK_S
from albus_dr.tools.postgres_rebuild import STILL_BUSY, Upstream
from albus_dr.tools.secrets import reveal
from albus_dr.workloads.postgres.access import model_of, name_of
from albus_dr.workloads.postgres.aside import MARK, Folder, Kept, Standing, standing
from albus_dr.workloads.postgres.change import slot_of, upstream_keywords
from albus_dr.workloads.postgres.returned import Serving
from albus_dr.workloads.step import Facts, StepContext


def rebuilt(ctx: StepContext, serving: Serving, folder: Folder, kept: Kept, there: Standing) -> Facts:
    """Up to stage `rebuilt`, from wherever an earlier attempt came to; how it was done. ``there``: what the directory is now,
    with nothing in it that is not kept."""
    if there == "put in place":
        folder.advance(kept, "rebuilt")
        return {"rebuilt_by": "an earlier attempt"}
    upstream = _upstream(ctx, folder)
    notes: list[str] = []
    if kept.stage != "kept":
        notes.append(f"{name_of(ctx)}: an earlier rebuild did not end; a new base backup replaces what it left")
    elif kept.rewind:
        refusal = _rewound(ctx, serving, folder, kept, upstream)
        if not refusal:
            folder.advance(kept, "rebuilt")
            return {"rebuilt_by": "pg_rewind"}
        notes.append(f"{name_of(ctx)}: pg_rewind could not do it ({refusal}); a new base backup did")
    folder.advance(kept, "rebuilding")
    _reseed(ctx, serving, folder, kept, upstream)
    folder.advance(kept, "rebuilt")
    return {"rebuilt_by": "pg_basebackup", "notes": notes}


def _upstream(ctx: StepContext, folder: Folder) -> Upstream:
    """The password in a private file beside the directory: pg_rewind removes from the directory what it does not know."""
    config = ctx.config.sites[ctx.run.source].servers[model_of(ctx).server]
    keywords = upstream_keywords(ctx, ctx.run.source, ctx.run.target)
    password = reveal(config.replication_password, ctx.config_base) if config.replication_password else ""
    parts = (keywords["host"], keywords["port"], "*", keywords["user"], password)
    entry = ":".join(part.replace("\\", "\\\\").replace(":", "\\:") for part in parts)
    write_file(folder.server.host, folder.passfile, entry + "\n", timeout_s=QUICK_S, run_as=folder.server.run_as)
    return Upstream(keywords, folder.passfile)


def _rewound(ctx: StepContext, serving: Serving, folder: Folder, kept: Kept, upstream: Upstream) -> str:
    """Empty when pg_rewind did it; else why not. Nothing was changed when the dry run is what failed."""
    user = ctx.config.sites[ctx.run.source].servers[model_of(ctx).server].replication_user
    postgres_rebuild.let_rewind(serving.server, user)
    for dry_run, data in ((True, folder.server.data), (False, folder.new)):
        if not dry_run:
            folder.advance(kept, "rebuilding")
            _make_room(ctx, folder, kept)
        done = postgres_rebuild.rewind(
            replace(folder.server, data=data), upstream, folder.lock,
            dry_run=dry_run, timeout_s=ctx.remaining_s, cancelled=ctx.cancelled,
        )  # fmt: skip
        if done.code == STILL_BUSY:
            raise _busy(ctx)
        if done.code != 0:
            return f"{'dry run: ' if dry_run else ''}{done.last_words}"
    _put_in_place(ctx, folder)
    return ""


def _reseed(ctx: StepContext, serving: Serving, folder: Folder, kept: Kept, upstream: Upstream) -> None:
    slot = slot_of(ctx.run.target)
    serving.server.make_slot(slot)
    _make_room(ctx, folder, kept)
    folder.remove(folder.new, timeout_s=ctx.remaining_s)
    postgres_rebuild.base_backup(
        folder.server, upstream, folder.new, slot, folder.lock, timeout_s=ctx.remaining_s, cancelled=ctx.cancelled
    )
    _put_in_place(ctx, folder)


def _make_room(ctx: StepContext, folder: Folder, kept: Kept) -> None:
    """What was copied moves from the directory's place to new/, instead of what an earlier attempt left there. Only where
    its copy is whole; what was moved away itself, or was not there, has left nothing that could move."""
    server = folder.server
    if server.is_running():
        raise RefusedError(f"{name_of(ctx)}: PostgreSQL at {ctx.run.target} runs again; its directory is not touched")
    if kept.how == "copied" and not (kept.is_whole and postgres_rebuild.control_digest(server, folder.data)):
        raise RefusedError(f"{name_of(ctx)}: the kept copy {folder.data} is not there; nothing is removed")
    takes = standing(folder, kept) == "as kept"  # looked at once more: what came meanwhile stays, and this fails
    # As the data's owner, as everybody who asks: a lock file that root made may be closed to it.
    free = postgres_rebuild.alone(server, folder.lock, ("true",), timeout_s=QUICK_S, cancelled=ctx.cancelled)
    if free.code == STILL_BUSY:
        raise _busy(ctx)
    free.check(f"whether a program still works in {folder.path} can't be told")
    script = 'rm -rf --one-file-system -- "$2" || exit; [ ! -e "$1" ] || rmdir -- "$1" 2>/dev/null || ' + (
        'mv -T -- "$1" "$2"' if takes else "exit 1"
    )
    done = server.host.run(("sh", "-c", script, "sh", server.data, folder.new), timeout_s=ctx.remaining_s)
    done.check(f"{server.data} at {ctx.run.target} can't make room")


def _put_in_place(ctx: StepContext, folder: Folder) -> None:
    """Whole, and on the disk. Nothing is there: else it fails."""
    server = folder.server
    write_file(server.host, f"{folder.new}/{MARK}", f"{folder.path}\n", timeout_s=QUICK_S, run_as=server.run_as)
    server.host.run(("sync", "-f", folder.new), timeout_s=ctx.remaining_s).check("what was rebuilt is not on the disk")
    server.host.run(("mv", "-T", "--", folder.new, server.data), timeout_s=QUICK_S).check(
        f"{server.data} can't be put in place"
    )


def _busy(ctx: StepContext) -> TransientError:
    return TransientError(
        f"{name_of(ctx)}: a program of an earlier attempt still works at {ctx.run.target}", hint="wait, and resume"
    )


def put_right(ctx: StepContext, folder: Folder) -> Facts:
    """The site's own settings again, as they were kept; where there were none, port and socket as the config says."""
    server, kept = folder.server, folder.read()
    assert kept is not None
    if kept.how == "nothing":
        config = ctx.config.sites[ctx.run.target].servers[model_of(ctx).server]
        lines = f"port = '{config.port}'\n"
        if config.socket:
            lines += "unix_socket_directories = '{}'\n".format(config.socket.replace("'", "''"))
        script = 'cat >>"$1/postgresql.auto.conf"'
        argv: tuple[str, ...] = ("sh", "-c", script, "sh", server.data)
    else:
        lines = ""
        script = 'cd "$1" && for f in *; do [ ! -e "$f" ] || cp -a -- "$f" "$2/" || exit 1; done'
        argv = ("sh", "-c", script, "sh", folder.configuration, server.data)
    done = server.host.run(argv, stdin=lines, timeout_s=QUICK_S, run_as=server.run_as)
    done.check(f"the settings in {server.data} can't be put right")
    server.host.run(("rm", "-f", "--", folder.passfile), timeout_s=QUICK_S).check("a password's file can't be removed")
    folder.advance(kept, "ready")
    server.host.run(("rm", "-f", "--", f"{server.data}/{MARK}"), timeout_s=QUICK_S)  # it says nothing any more
    return {}
