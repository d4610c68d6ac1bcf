"""The contract's template, deployed to an emulator of AWS that enforces IAM, is what the product then uses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from tests.services import contract_stack as stacks
from tests.services import ministack as service
from tests.services import tls_stand_in

from reelkeep.errors import NotFound, StorageSetupError
from reelkeep.ids import GrantId, VersionId, new_id
from reelkeep.storage.discovery import discover
from reelkeep.storage.interface import Capability, Purpose, SessionRequest, StorageConnection
from reelkeep.storage.layout import proxy_scope
from reelkeep.storage.s3 import S3Store
from reelkeep.storage.sts import ExternalIdProof, StsBroker

GRANT = GrantId(new_id())
CLIP = b"reel" * 1_000


@dataclass(frozen=True)
class Platform:
    """An emulator with a stack in the company's account, and the platform that was let in."""

    ministack: service.Ministack
    tls_url: str
    stack: stacks.Stack

    @property
    def connection(self) -> StorageConnection:
        return self.stack.connection(self.tls_url)

    def broker(self, connection: StorageConnection | None = None) -> StsBroker:
        return StsBroker(self.ministack.identity, lambda _: connection or self.connection, "acme", session_seconds=900)

    def store(self, purpose: Purpose, scope: str) -> S3Store:
        connection = self.connection
        session = self.broker(connection).session(SessionRequest(connection.id, purpose, scope))
        return S3Store(connection, lambda: session)


@pytest.fixture(scope="module")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[service.Ministack]:
    with service.running(tmp_path_factory.mktemp("ministack")) as server:
        yield server


@pytest.fixture(scope="module")
def tls_url(ministack: service.Ministack) -> Iterator[str]:
    with tls_stand_in.in_front_of(ministack.endpoint_url) as url:
        yield url


@pytest.fixture(scope="module")
def platform(ministack: service.Ministack, tls_url: str) -> Platform:
    return Platform(ministack, tls_url, stacks.deploy(ministack, stacks.parameters("acme", Prefix="media/reels/")))


def original(platform: Platform, body: bytes = CLIP) -> tuple[str, str]:
    """Upload an original; return its production's scope and its key."""
    production = f"originals/film-{new_id()}/"
    key = f"{production}reel-{new_id()}/{new_id()}/reel.mov"
    platform.store(Purpose.UPLOAD, production).put_new(key, body, content_type="video/quicktime", grant=GRANT)
    return production, key


def test_the_deployed_stack_is_tried_out_and_found_good(platform: Platform) -> None:
    found = discover(platform.connection, platform.ministack.identity, GRANT)
    assert {Capability.EXTERNAL_ID, Capability.CONDITIONAL_PUT} <= found.capabilities


def test_an_original_goes_in_and_comes_out_below_the_prefix(platform: Platform) -> None:
    production, key = original(platform)
    assert platform.store(Purpose.DOWNLOAD, production).get(key, offset=0, length=4, grant=GRANT) == CLIP[:4]
    client = platform.ministack.client("s3", service.COMPANY_ACCOUNT)
    assert client.head_object(Bucket=platform.connection.bucket, Key=f"media/reels/{key}")["ContentLength"] == len(CLIP)
