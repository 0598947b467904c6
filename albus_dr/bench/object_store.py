"""The S3 server of one site: rclone over plain files, and the restic repository in its bucket.

What is acknowledged is in the folder: no VFS cache, which would acknowledge first and write some seconds later.
ETags are off: rclone would compute them by reading every object whenever a bucket is listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from albus_dr.bench.place import HERE, Place
from albus_dr.bench.processes import Running, spawn
from albus_dr.tools import process
from albus_dr.tools.inventory import rclone_program

BUCKET, REPOSITORY = "albus", "backups"


@dataclass(frozen=True)
class ObjectStore:
    """One site's."""

    directory: Path
    port: int
    access_key: str
    secret_key: str
    place: Place = HERE

    @property
    def log(self) -> Path:
        return self.directory.parent / "s3.log"

    @property
    def repository(self) -> str:
        """As restic names it."""
        return f"s3:http://{self.place.address}:{self.port}/{BUCKET}/{REPOSITORY}"

    def prepare(self) -> None:
        """The bucket is a directory."""
        for directory in (self.directory, self.directory / BUCKET):
            directory.mkdir(mode=0o700)

    def start(self) -> Running:
        """In a session of its own."""
        return spawn(
            self.place.command(
                (str(rclone_program()), "serve", "s3", "--addr", f"{self.place.address}:{self.port}", "--etag-hash", "",
                 "--dir-cache-time", "1s", str(self.directory))
            ),
            log=self.log, cwd=self.directory,
            environment={"RCLONE_AUTH_KEY": f'"{self.access_key},{self.secret_key}"', "RCLONE_CONFIG": "/dev/null"},
        )  # fmt: skip

    def initialise(self, password_file: Path, like: ObjectStore | None = None) -> None:
        """An empty repository; ``like`` another one, so that what is copied between them stays deduplicated.

        The other is read through its folder: one restic has room for the keys of one S3 server. Raises StepError.
        """
        other = (
            () if like is None else ("--from-repo", str(like.directory / BUCKET / REPOSITORY), "--copy-chunker-params")
        )
        process.run(
            self.place.command(("restic", "--no-cache", "init", *other)), timeout_s=60,
            environment={
                "RESTIC_REPOSITORY": self.repository, "RESTIC_PASSWORD_FILE": str(password_file),
                "RESTIC_FROM_PASSWORD_FILE": str(password_file),
                "AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key,
            },
        ).check("creating the restic repository")  # fmt: skip
