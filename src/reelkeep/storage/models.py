"""Fresh SDK sessions that share what they have read of AWS's models: reading S3's takes longer than most requests.

Nothing else is shared: no credentials, no connections, no settings.
"""

from __future__ import annotations

from typing import Final

import botocore.loaders
import botocore.session

_MODELS: Final = botocore.loaders.create_loader()


def fresh_session() -> botocore.session.Session:
    """Return a session of the SDK's core; one of ``boto3`` would lengthen the shared loader's search path."""
    session = botocore.session.Session()
    session.register_component("data_loader", _MODELS)
    return session


def read_ahead() -> None:
    """Read what a client for S3 needs, in a process that has time for it: the zygote, or one that waits for a job.

    No client is made, and with it no TLS context, connection or credential.
    """
    for kind in ("service-2", "endpoint-rule-set-1"):
        _MODELS.load_service_model("s3", kind, api_version=None)  # as the SDK asks, or it is read again
    for name in ("endpoints", "partitions", "sdk-default-configuration"):
        _MODELS.load_data(name)
