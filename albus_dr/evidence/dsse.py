"""What is used of securesystemslib, without the SDKs of the clouds that it could sign with.

It imports each one that is installed, and does without those that are not. Ours is there for S3 and takes longer to
import than all of the rest: while this module is imported, it is not there.
"""

from __future__ import annotations

import sys

_NOT_THERE = {"boto3"} - sys.modules.keys()
sys.modules.update(dict.fromkeys(_NOT_THERE))  # type: ignore[arg-type]  # None: whoever imports it gets ImportError
try:
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError as NotSignedByKey
    from securesystemslib.signer import CryptoSigner, SSlibKey
finally:
    for _name in _NOT_THERE:
        del sys.modules[_name]

__all__ = ["CryptoSigner", "Envelope", "NotSignedByKey", "SSlibKey"]
