"""Fixtures of the embedded S3 store: one SeaweedFS a run, with two companies' buckets and roles."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import signal
import sys
from collections.abc import Iterator

import pytest
from tests.services.databases import open_folder

from reelkeep.ids import ConnectionId, new_id
from reelkeep.storage.interface import Capability, StorageConnection
from reelkeep.supervisor.object_store import STOP_SECONDS, AccessKey, EmbeddedStore, StoreUnusable

ACME_BUCKET, BOREALIS_BUCKET = "acme-media", "borealis-media"
ACME_ORIGIN, BOREALIS_ORIGIN = "http://acme.localhost:8000", "http://borealis.localhost:8000"
# What SeaweedFS 4.48 was found to do (facts: storage, section 4); external ids are not looked at.
CAPABILITIES = frozenset({Capability.CONDITIONAL_PUT, Capability.FULL_OBJECT_CRC32})


@pytest.fixture(scope="session")
def object_store() -> Iterator[EmbeddedStore]:
    """A running store in which acme and borealis have a bucket, a role and a CORS rule.

    Other tests run meanwhile, and may take a port between its choice and its use: then it is tried once more.
    """
    with contextlib.ExitStack() as stack:
        try:
            store = stack.enter_context(_running_store())
        except StoreUnusable as error:
            print(f"the store did not start, it is tried once more: {error.message}", file=sys.stderr)
            store = stack.enter_context(_running_store())
        yield store


@contextlib.contextmanager
def _running_store() -> Iterator[EmbeddedStore]:
    folder = open_folder("rk-s3-")
    store = EmbeddedStore.open(folder / "s3")
    store.record_company(ACME_BUCKET, ACME_ORIGIN)
    store.record_company(BOREALIS_BUCKET, BOREALIS_ORIGIN)
    children = [store.start_store(), store.start_s3()]
    try:
        store.wait_ready(children[-1])
        yield store
    finally:
        for child in reversed(children):
            child.stop(seconds=STOP_SECONDS, first=signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def platform_credentials(object_store: EmbeddedStore) -> AccessKey:
    """The platform's own identity, which may assume roles only."""
    return object_store.platform_credentials


@pytest.fixture
def acme_connection(object_store: EmbeddedStore) -> StorageConnection:
    """A connection to acme's bucket, below a prefix of this test alone."""
    return connection_to(object_store, ACME_BUCKET)


@pytest.fixture
def borealis_connection(object_store: EmbeddedStore) -> StorageConnection:
    """A connection to borealis' bucket, below a prefix of this test alone."""
    return connection_to(object_store, BOREALIS_BUCKET)


def connection_to(store: EmbeddedStore, bucket: str) -> StorageConnection:
    """Return a connection to a bucket of the store, with a fresh id, prefix and external id."""
    fields = store.connection_fields(bucket)
    return StorageConnection(
        id=ConnectionId(new_id()),
        bucket=bucket,
        region=fields.region,
        prefix=f"t/{secrets.token_hex(6)}",
        role_arn=fields.role_arn,
        external_id=secrets.token_urlsafe(32),
        endpoint_url=fields.endpoint_url,
        sts_endpoint_url=fields.sts_endpoint_url,
        path_style=True,
        capabilities=CAPABILITIES,
    )
