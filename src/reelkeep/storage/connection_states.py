"""The states of a storage connection, as a table, and what each says to whoever wants to use it. Pure; no I/O.

What was revoked says by what: the company's team sees at once whether the switch that it used is the one that worked.

A connection is used while it is *active* and at no other time. The way there leads through *verified*, which only a
passed check gives; so nothing is stored in a bucket, and nothing read from it, that was not tried out.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final


class ConnectionState(enum.Enum):
    DRAFT = "draft"  # written down, with its external id; not let in yet
    VERIFIED = "verified"  # the last check passed; not used
    ACTIVE = "active"  # in use
    SUSPENDED = "suspended"  # switched off by the operator or at the company's wish; what lies there stays
    REVOKED = "revoked"  # the company has taken the platform's rights away; what lies there stays
    RETIRED = "retired"  # no version lies there; never used again


class Revocation(enum.Enum):
    """What refused the platform, as the refusal itself told."""

    ROLE = "role"  # STS gives no session: the role's trust was removed, or the role is gone
    BUCKET = "bucket"  # the store refuses a live session: bucket policy, or the role's own policy
    KEY = "key"  # the bucket's KMS key is disabled or closed
    BUCKET_GONE = "bucket_gone"
    MARKER = "marker"  # the marker was taken away
    WRAPPING_KEY = "wrapping_key"  # the company's own key, which wraps its company key, is disabled or closed


_S = ConnectionState
CONNECTION_STEPS: Final[Mapping[ConnectionState, frozenset[ConnectionState]]] = {
    _S.DRAFT: frozenset({_S.VERIFIED, _S.RETIRED}),
    _S.VERIFIED: frozenset({_S.ACTIVE, _S.SUSPENDED, _S.REVOKED, _S.RETIRED}),
    _S.ACTIVE: frozenset({_S.SUSPENDED, _S.REVOKED}),
    _S.SUSPENDED: frozenset({_S.VERIFIED, _S.REVOKED, _S.RETIRED}),
    _S.REVOKED: frozenset({_S.VERIFIED, _S.RETIRED}),
    _S.RETIRED: frozenset(),
}

_REFUSALS: Final[Mapping[ConnectionState, tuple[str, str]]] = {
    _S.DRAFT: (
        "the storage connection {name} has not been tried out yet",
        "The operator tries it out with `reelkeep storage verify {name}`.",
    ),
    _S.VERIFIED: (
        "the storage connection {name} has been tried out but is not in use",
        "The operator puts it into use with `reelkeep storage activate {name}`.",
    ),
    _S.SUSPENDED: (
        "the storage connection {name} is suspended, so nothing is read from this bucket or written to it",
        "Nothing is lost; the operator resumes it with `reelkeep storage resume {name}`.",
    ),
    _S.REVOKED: (
        "the company has taken back the right to the storage of connection {name}{by}",
        "Nothing is lost; once your cloud team lets Reelkeep in again, an admin of your company resumes it on the page "
        "Storage, or the operator with `reelkeep storage resume {name}`.",
    ),
    _S.RETIRED: (
        "the storage connection {name} is retired",
        "Ask the operator for the connection that took its place.",
    ),
}


_BY: Final[Mapping[Revocation, str]] = {
    Revocation.ROLE: ": its role gives Reelkeep no session any more",
    Revocation.BUCKET: ": the store refuses Reelkeep",
    Revocation.KEY: ": the key of the bucket (KMS) is closed to Reelkeep",
    Revocation.BUCKET_GONE: ": the bucket is not there any more",
    Revocation.MARKER: ": Reelkeep's marker was taken out of the bucket",
    Revocation.WRAPPING_KEY: ": the company's own key, which wraps its company key (KMS), is closed to Reelkeep",
}


def refusal(state: ConnectionState, name: str, by: Revocation | None = None) -> tuple[str, str] | None:
    """Return why a connection in this state is not used, and what to do next; None if it is used.

    Args:
        by: what refused the platform, if that is known; for revoked ones.

    >>> refusal(ConnectionState.ACTIVE, "main") is None
    True
    >>> refusal(ConnectionState.RETIRED, "main")[0]
    'the storage connection main is retired'
    """
    if state is ConnectionState.ACTIVE:
        return None
    message, advice = _REFUSALS[state]
    return message.format(name=name, by=_BY[by] if by else ""), advice.format(name=name)
