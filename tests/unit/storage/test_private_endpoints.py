"""An isolated connection: whatever is signed or sent names its private endpoints, never the public host."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from reelkeep.companies.network_policy import links_from_of, policy_of
from reelkeep.errors import StorageSetupError
from reelkeep.ids import ConnectionId, GrantId, new_id
from reelkeep.storage import reader
from reelkeep.storage.interface import Capability, Purpose, StorageConnection, StsSession
from reelkeep.storage.private_endpoints import PrivateEndpoints, private_endpoints
from reelkeep.storage.s3 import S3Store
from reelkeep.storage.session_policy import session_policy
from reelkeep.web.app import store_origins

GRANT = GrantId(new_id())
STUDIO = "vpce-0123456789abcdef0"
NAMES = PrivateEndpoints(
    f"https://bucket.{STUDIO}-1a2b3c4d.s3.eu-west-1.vpce.amazonaws.com",
    "https://bucket.vpce-0fedcba9876543210-5e6f7a8b.s3.eu-west-1.vpce.amazonaws.com",
)
ISOLATED = StorageConnection(
    ConnectionId(new_id()), "acme-media", "eu-west-1", "", "arn:aws:iam::222222222222:role/reelkeep", "x", None, None,
    False, frozenset({Capability.CONDITIONAL_PUT, Capability.FULL_OBJECT_CRC32}), private=NAMES,
)  # fmt: skip
LINKS: dict[str, Callable[[S3Store], Any]] = {  # every method that signs for somebody else
    "presign_part": lambda store: store.presign_part(
        "k", "u", number=1, size_bytes=5, crc32=b"1234", seconds=900, grant=GRANT
    ),
    "presign_put": lambda store: store.presign_put(
        "k", size_bytes=5, crc32=b"1234", content_type="x/y", seconds=900, grant=GRANT
    ),
    "presign_get": lambda store: store.presign_get("k", file_name="a", seconds=900, grant=GRANT),
}


def session() -> StsSession:
    return StsSession("ASIAEXAMPLE", "secret", "token", datetime.now(UTC) + timedelta(hours=1))


def store() -> S3Store:
    return S3Store(ISOLATED, session)


def test_every_way_to_sign_a_link_is_known_here() -> None:
    signing = {
        name
        for name, member in inspect.getmembers(S3Store, inspect.isfunction)
        if not name.startswith("_") and inspect.signature(member).return_annotation == "PresignedRequest"
    }
    assert signing == set(LINKS)


@pytest.mark.parametrize("how", sorted(LINKS))
def test_a_link_names_the_endpoint_of_the_companys_network(how: str) -> None:
    assert urlsplit(LINKS[how](store()).url).netloc == f"acme-media.{urlsplit(NAMES.clients).netloc}"


def test_what_the_platform_itself_asks_goes_through_its_own_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    here, asked = store(), []

    def sent(request: Any, **_: object) -> Any:
        asked.append(urlsplit(request.url).netloc)
        raise StorageSetupError

    here._client.meta.events.register("before-send.s3", sent)
    deeds: list[Callable[[], object]] = [
        lambda: here._head("k", GRANT),
        lambda: here._get("k", 0, 1, GRANT),
        lambda: here.put_new("k", b"x", content_type="x/y", grant=GRANT),
        lambda: list(here.list("a", grant=GRANT)),
        lambda: here.create_upload("k", content_type="x/y", grant=GRANT),
        lambda: here.delete(["k"], grant=GRANT),
    ]
    for deed in deeds:
        with pytest.raises(StorageSetupError):
            deed()
    assert set(asked) == {f"acme-media.{urlsplit(NAMES.platform).netloc}"}
    assert len(asked) == len(deeds)
    # The fast ones are presigned requests of our own.
    signed: list[str] = []
    monkeypatch.setattr(here, "_directly", lambda request: signed.append(urlsplit(request.url).netloc) or Silent())
    direct: list[Callable[[], object]] = [
        lambda: here.head("k", grant=GRANT),
        lambda: here.get("k", offset=0, length=1, grant=GRANT),
    ]
    for deed in direct:
        with pytest.raises(StorageSetupError):
            deed()
    assert signed == [f"acme-media.{urlsplit(NAMES.platform).netloc}"] * 2


class Silent:
    """Answers nothing, so that the SDK is asked."""

    def head(self, url: str, headers: object) -> None:
        del url, headers

    def get(self, url: str, headers: object, offset: int, length: int) -> None:
        del url, headers, offset, length


def test_the_reader_of_originals_goes_through_the_platforms_endpoint() -> None:
    opened = reader._open(ISOLATED, session)
    assert opened.config["endpoint"] == f"https://acme-media.{urlsplit(NAMES.platform).netloc}"


def test_the_page_may_speak_to_the_private_name_and_not_to_the_public_one() -> None:
    assert store_origins([ISOLATED]) == [f"https://acme-media.{urlsplit(NAMES.clients).netloc}"]
    assert store_origins([replace(ISOLATED, private=None)]) == ["https://acme-media.s3.eu-west-1.amazonaws.com"]


def test_links_die_outside_the_companys_endpoint_whether_the_site_is_closed_or_not() -> None:
    closed = policy_of(["198.41.0.0/24"], [])
    assert links_from_of(None, NAMES) == links_from_of(closed, NAMES) == (STUDIO,)
    text = session_policy(ISOLATED, Purpose.DOWNLOAD, f"originals/show-{'0' * 20}/", (STUDIO,))
    deny = json.loads(text)["Statement"][-1]
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"StringNotEquals": {"aws:SourceVpce": [STUDIO]}})


def test_networks_and_endpoints_together_must_both_fail_and_too_many_are_refused_in_words() -> None:
    scope, many = f"originals/show-{'0' * 20}/", tuple(f"198.51.{number}.0/24" for number in range(120))
    both = json.loads(session_policy(ISOLATED, Purpose.DOWNLOAD, scope, ("198.41.0.0/24", STUDIO)))["Statement"][-1]
    assert set(both["Condition"]) == {"NotIpAddress", "StringNotEquals"}
    session_policy(ISOLATED, Purpose.DOWNLOAD, scope, many[:60])
    with pytest.raises(StorageSetupError, match="120 networks and endpoints do not fit"):
        session_policy(ISOLATED, Purpose.DOWNLOAD, scope, many)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("s3.eu-west-1.amazonaws.com", "no name of an interface endpoint"),
        (f"https://{STUDIO}-1a2b3c4d.s3.eu-west-1.vpce.amazonaws.com", "no name of an interface endpoint"),
        (f"*.{STUDIO}-1a2b3c4d.s3.us-east-1.vpce.amazonaws.com", "lies in us-east-1"),
        (f"*.{STUDIO}-1a2b3c4d.s3.eu-west-1.vpce.amazonaws.com.evil.example", "no name of an interface endpoint"),
    ],
)
def test_only_an_interface_endpoint_of_the_buckets_region_will_do(text: str, words: str) -> None:
    with pytest.raises(StorageSetupError, match=words):
        private_endpoints(text, NAMES.platform, region="eu-west-1", public_url=None)


@pytest.mark.parametrize("text", ["store.internal", "http://store.example:8333", "https://store.internal/bucket"])
def test_a_store_of_ones_own_has_another_address_in_private(text: str) -> None:
    with pytest.raises(StorageSetupError):
        private_endpoints(text, "http://10.0.0.1", region="x", public_url="http://store.example:8333")
