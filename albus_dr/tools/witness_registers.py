"""From the config's ``witness`` to the register of a runbook."""

from __future__ import annotations

from pathlib import Path

from albus_dr.runbook.config import WitnessConfig
from albus_dr.tools.etcd_register import EtcdPlace
from albus_dr.tools.file_register import FilePlace
from albus_dr.tools.postgres_register import PostgresPlace
from albus_dr.tools.register import Place, TrustedRegister
from albus_dr.tools.s3 import Bucket
from albus_dr.tools.s3_register import S3Place
from albus_dr.tools.secrets import reveal


def open_register(config: WitnessConfig | None, runbook: str, state: Path, config_base: Path) -> TrustedRegister:
    """The register of this runbook; without a witness in the config, in the state directory.

    Nothing is asked yet: the first read or write tries the place before it trusts it. Raises NotReadyError when a
    secret can't be had.
    """
    return TrustedRegister(_place(config, state, config_base), runbook)


def _place(config: WitnessConfig | None, state: Path, base: Path) -> Place:
    if config is None:
        return FilePlace(state / "witness")
    if config.file is not None:
        return FilePlace(base / config.file)
    password = reveal(config.password, base) if config.password else ""
    if config.postgres is not None:
        return PostgresPlace(config.postgres, password)
    if config.etcd is not None:
        return EtcdPlace(tuple(endpoint.rstrip("/") for endpoint in config.etcd), config.user, password)
    assert config.s3 is not None  # the config's own rule: exactly one, and S3 with both keys
    assert config.access_key is not None
    assert config.secret_key is not None
    return S3Place(Bucket.parse(config.s3, reveal(config.access_key, base), reveal(config.secret_key, base)))
