"""Finds out what a store can do by trying it, when a connection is made: capabilities are never assumed from a name.

Writes below ``probe/<id>/`` only, with a session of that scope, and deletes what it wrote.
"""

from __future__ import annotations

import dataclasses
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx

from reelkeep.errors import Conflict, DependencyError, ReelkeepError, StorageSetupError
from reelkeep.ids import GrantId, new_id
from reelkeep.storage import crc
from reelkeep.storage.interface import Capability, Purpose, SessionRequest, StorageConnection, StsSession
from reelkeep.storage.s3 import S3Store
from reelkeep.storage.sts import ExternalIdProof, PlatformIdentity, StsBroker

PROBE_PREFIX: Final = "probe/"
_BODY: Final = b"reelkeep probe"
_TYPE: Final = "application/octet-stream"
_NOBODY: Final = "000000000001"  # an account that owns nothing


@dataclass(frozen=True)
class Discovery:
    capabilities: frozenset[Capability]
    warnings: tuple[str, ...]  # sentences for the operator; what the store does not do for us


def discover(connection: StorageConnection, identity: PlatformIdentity, grant: GrantId) -> Discovery:
    """Return what the store of a new connection can do.

    Args:
        grant: accounts for every request made here, below ``probe/``; recorded and committed by the caller.

    Raises:
        StorageSetupError: the role or the bucket refuses us; or this is AWS and the role's trust does not depend on
            its external id (then anybody who knows the ARN could be let in through us).
        DependencyError: the store does not answer.
    """
    scope = f"{PROBE_PREFIX}{new_id()}/"
    broker = StsBroker(identity, lambda _: connection, "reelkeep")
    session = broker.session(SessionRequest(connection.id, Purpose.PROBE, scope))
    tries = _Tries(connection, session, scope, grant)
    tries.write_and_read()
    checks: dict[Capability, Callable[[], bool]] = {
        Capability.CONDITIONAL_PUT: tries.refuses_to_replace,
        Capability.FULL_OBJECT_CRC32: tries.keeps_whole_checksums,
        Capability.EXPECTED_OWNER: tries.checks_the_owner,
        Capability.EXTERNAL_ID: lambda: broker.prove_external_id(connection.id) is ExternalIdProof.REFUSED,
    }
    found = frozenset(capability for capability, check in checks.items() if check())
    tries.clean_up()
    return Discovery(found, _judge(connection, found))


def _judge(connection: StorageConnection, found: frozenset[Capability]) -> tuple[str, ...]:
    on_aws = connection.endpoint_url is None
    if on_aws and Capability.EXTERNAL_ID not in found:
        raise StorageSetupError(
            "the role can be assumed without its external id",
            advice="Add the condition sts:ExternalId with this connection's external id to the role's trust policy.",
        )
    sentences = {
        Capability.CONDITIONAL_PUT: "this store does not refuse to replace an object (If-None-Match)",
        Capability.FULL_OBJECT_CRC32: "this store keeps no checksum of a whole object, only of its parts",
        Capability.EXPECTED_OWNER: "this store does not check who owns the bucket",
        Capability.EXTERNAL_ID: "this store does not look at external ids: give each company a role of its own",
    }
    return tuple(sentence for capability, sentence in sentences.items() if capability not in found)


class _Tries:
    def __init__(self, connection: StorageConnection, session: StsSession, scope: str, grant: GrantId) -> None:
        self._connection, self._session, self._scope, self._grant = connection, session, scope, grant
        self._plain = self._with(frozenset())

    def write_and_read(self) -> None:
        key = self._scope + "plain"
        self._plain.put_new(key, _BODY, content_type=_TYPE, grant=self._grant)
        if self._plain.get(key, offset=0, length=len(_BODY), grant=self._grant) != _BODY:
            raise StorageSetupError("the bucket gave back other bytes than were written")

    def refuses_to_replace(self) -> bool:
        store = self._with(frozenset({Capability.CONDITIONAL_PUT}))
        try:
            store.put_new(self._scope + "plain", _BODY, content_type=_TYPE, grant=self._grant)
        except Conflict:
            return True
        except ReelkeepError as error:
            return _no(error)
        return False

    def keeps_whole_checksums(self) -> bool:
        store, key, checksum = self._with(frozenset({Capability.FULL_OBJECT_CRC32})), self._scope + "parts", _crc()
        try:
            upload_id = store.create_upload(key, content_type=_TYPE, grant=self._grant)
            signed = store.presign_part(
                key, upload_id, number=1, size_bytes=len(_BODY), crc32=checksum, seconds=60, grant=self._grant
            )
            httpx.put(signed.url, headers=dict(signed.headers), content=_BODY).raise_for_status()
            parts = store.list_parts(key, upload_id, grant=self._grant)
            facts = store.complete_upload(key, upload_id, parts, crc32=checksum, grant=self._grant)
        except httpx.TransportError as error:
            raise DependencyError("the object store does not answer") from error
        except httpx.HTTPStatusError:
            return False
        except ReelkeepError as error:
            return _no(error)
        return facts.crc32 == checksum

    def checks_the_owner(self) -> bool:
        """Tell whether the right account is let in and a wrong one is not."""
        fields = self._connection.role_arn.split(":")
        if len(fields) < 6 or not re.fullmatch(r"[0-9]{12}", fields[4]):
            return False
        fields[4] = _NOBODY
        wrong = dataclasses.replace(self._connection, role_arn=":".join(fields))
        right_answer = self._head(self._connection)
        return right_answer and not self._head(wrong)

    def clean_up(self) -> None:
        self._plain.delete([self._scope + "plain", self._scope + "parts"], grant=self._grant)

    def _head(self, connection: StorageConnection) -> bool:
        owned = dataclasses.replace(connection, capabilities=frozenset({Capability.EXPECTED_OWNER}))
        try:
            S3Store(owned, lambda: self._session).head(self._scope + "plain", grant=self._grant)
        except ReelkeepError as error:
            return _no(error)
        return True

    def _with(self, capabilities: frozenset[Capability]) -> S3Store:
        return S3Store(dataclasses.replace(self._connection, capabilities=capabilities), lambda: self._session)


def _no(error: ReelkeepError) -> bool:
    """Return False for a store that says no, and raise for one that says nothing."""
    if isinstance(error, DependencyError):
        raise error
    return False


def _crc() -> bytes:
    return crc.to_bytes(zlib.crc32(_BODY))
