"""What the adapter signs and sends, looked at without a server."""

import urllib.parse
from datetime import UTC, datetime, timedelta

import pytest

from reelkeep.errors import IsolationError, RequestError
from reelkeep.ids import ConnectionId, GrantId, new_id
from reelkeep.storage.interface import Capability, StorageConnection, StsSession
from reelkeep.storage.s3 import S3Store

GRANT = GrantId(new_id())


def session(seconds: int = 3600) -> StsSession:
    return StsSession("ASIAEXAMPLE", "secret", "token", datetime.now(UTC) + timedelta(seconds=seconds))


def connection(
    *capabilities: Capability, endpoint_url: str | None = None, path_style: bool = False
) -> StorageConnection:
    return StorageConnection(
        id=ConnectionId(new_id()),
        bucket="acme-media",
        region="us-east-1",
        prefix="a/b",
        role_arn="arn:aws:iam::222222222222:role/reelkeep",
        external_id="x",
        endpoint_url=endpoint_url,
        sts_endpoint_url=endpoint_url,
        path_style=path_style,
        capabilities=frozenset(capabilities),
    )


def sign_part(store: S3Store, seconds: int = 900) -> tuple[urllib.parse.SplitResult, dict[str, str]]:
    signed = store.presign_part("k", "u", number=3, size_bytes=5, crc32=b"1234", seconds=seconds, grant=GRANT)
    url = urllib.parse.urlsplit(signed.url)
    return url, dict(urllib.parse.parse_qsl(url.query))


def test_links_are_made_with_signature_version_4_in_every_region() -> None:
    _, query = sign_part(S3Store(connection(), session))
    assert query["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert "AWSAccessKeyId" not in query


def test_grant_checksum_and_length_are_signed() -> None:
    _, query = sign_part(S3Store(connection(), session))
    assert query["x-reelkeep"] == GRANT
    assert {"content-length", "host", "x-amz-checksum-crc32"} <= set(query["X-Amz-SignedHeaders"].split(";"))


def test_no_link_outlives_the_session_that_signed_it() -> None:
    _, query = sign_part(S3Store(connection(), lambda: session(120)), seconds=900)
    assert 100 < int(query["X-Amz-Expires"]) <= 120


@pytest.mark.parametrize(
    ("path_style", "host", "path"),
    [(True, "store.example:9000", "/acme-media/a/b/k"), (False, "acme-media.store.example:9000", "/a/b/k")],
)
def test_the_bucket_is_named_where_the_connection_says(path_style: bool, host: str, path: str) -> None:
    store = S3Store(connection(endpoint_url="http://store.example:9000", path_style=path_style), session)
    url, _ = sign_part(store)
    assert (url.netloc, url.path) == (host, path)


def test_the_owner_of_the_bucket_is_sent_only_where_the_store_checks_it() -> None:
    signed = S3Store(connection(Capability.EXPECTED_OWNER), session).presign_get(
        "k", file_name="a.mov", seconds=60, grant=GRANT
    )
    assert signed.headers["x-amz-expected-bucket-owner"] == "222222222222"
    assert not S3Store(connection(), session).presign_get("k", file_name="a.mov", seconds=60, grant=GRANT).headers


def test_secrets_do_not_show_in_what_is_printed() -> None:
    signed = S3Store(connection(), session).presign_get("k", file_name="a.mov", seconds=60, grant=GRANT)
    assert "X-Amz" not in repr(signed)
    assert "secret" not in repr(session())


def test_a_request_without_a_grant_is_never_signed() -> None:
    store = S3Store(connection(endpoint_url="http://127.0.0.1:1", path_style=True), session)
    with pytest.raises(IsolationError):
        store._client.head_object(Bucket="acme-media", Key="k")


def test_a_renewed_session_signs_from_then_on() -> None:
    current = session()
    store = S3Store(connection(), lambda: current)
    before = sign_part(store)[1]["X-Amz-Credential"]
    current = StsSession("ASIASECOND", "secret2", "token2", current.expires_at)
    assert before.startswith("ASIAEXAMPLE/")
    assert sign_part(store)[1]["X-Amz-Credential"].startswith("ASIASECOND/")


@pytest.mark.parametrize("key", ["", "/a"])
def test_a_key_that_would_climb_out_of_the_prefix_is_refused(key: str) -> None:
    with pytest.raises(RequestError):
        S3Store(connection(), session).head(key, grant=GRANT)
