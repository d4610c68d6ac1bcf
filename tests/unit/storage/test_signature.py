"""Our own presigned addresses are those that the SDK makes, to the letter of the signature."""

import urllib.parse
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.config import Config

from reelkeep.storage.interface import StsSession
from reelkeep.storage.models import fresh_session
from reelkeep.storage.signature import BucketAddress, Signer

SESSION = StsSession("ASIAEXAMPLE", "secret/+=", "token/+==", datetime.now(UTC) + timedelta(hours=1))
KEY = "a/b (1)/ü~x+y.mov"


def sdk(address: BucketAddress, operation: str, **parameters: Any) -> dict[str, str]:
    client = fresh_session().create_client(
        "s3",
        region_name="eu-central-1",
        endpoint_url="http://store.example:9000",
        aws_access_key_id=SESSION.access_key_id,
        aws_secret_access_key=SESSION.secret_access_key,
        aws_session_token=SESSION.session_token,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if address.path == "/media/" else "virtual"},
            request_checksum_calculation="when_required",
        ),
    )
    url = client.generate_presigned_url(operation, Params={"Bucket": "media", "Key": KEY, **parameters}, ExpiresIn=60)
    return taken_apart(url)


def taken_apart(url: str) -> dict[str, str]:
    found = urllib.parse.urlsplit(url)
    return {"place": f"{found.netloc}{found.path}", **dict(urllib.parse.parse_qsl(found.query, strict_parsing=True))}


@pytest.mark.parametrize(
    "address",
    [BucketAddress("http://store.example:9000", "/media/"), BucketAddress("http://media.store.example:9000", "/")],
)
@pytest.mark.parametrize(
    ("method", "operation", "parameters", "query", "headers"),
    [
        (
            "PUT",
            "put_object",
            {"ContentLength": 5, "ChecksumCRC32": "AAAAAA==", "IfNoneMatch": "*", "ContentType": "a/b"},
            {},
            {
                "content-length": "5",
                "x-amz-checksum-crc32": "AAAAAA==",
                "if-none-match": "*",
                "content-type": "a/b",
            },
        ),
        (
            "PUT",
            "upload_part",
            {"UploadId": "u/=+ 1", "PartNumber": 3, "ContentLength": 5, "ChecksumCRC32": "AAAAAA=="},
            {"uploadId": "u/=+ 1", "partNumber": "3"},
            {"content-length": "5", "x-amz-checksum-crc32": "AAAAAA=="},
        ),
        (
            "GET",
            "get_object",
            {"ResponseContentDisposition": "attachment; filename=\"a b\"; filename*=UTF-8''%C3%BC"},
            {"response-content-disposition": "attachment; filename=\"a b\"; filename*=UTF-8''%C3%BC"},
            {},
        ),
        ("HEAD", "head_object", {"ChecksumMode": "ENABLED"}, {}, {"x-amz-checksum-mode": "ENABLED"}),
        (
            "GET",
            "get_object",
            {"ExpectedBucketOwner": "222222222222"},
            {},
            {"x-amz-expected-bucket-owner": "222222222222"},
        ),
    ],
)
def test_a_link_is_the_one_that_the_sdk_makes(
    address: BucketAddress,
    method: str,
    operation: str,
    parameters: dict[str, Any],
    query: dict[str, str],
    headers: dict[str, str],
) -> None:
    expected = sdk(address, operation, **parameters)
    now = datetime.strptime(expected["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    signer = Signer(address, "eu-central-1")
    url = signer.sign(method, KEY, SESSION, now=now, seconds=60, query=query, headers=headers)
    assert taken_apart(url) == expected


def test_another_session_or_day_signs_with_another_key() -> None:
    signer = Signer(BucketAddress("https://media.example", "/"), "eu-central-1")
    now = datetime(2026, 11, 25, 23, 59, tzinfo=UTC)
    other = StsSession("ASIAEXAMPLE", "another", "token/+==", SESSION.expires_at)

    def signature(session: StsSession, at: datetime) -> str:
        url = signer.sign("GET", "k", session, now=at, seconds=60, query={}, headers={})
        return taken_apart(url)["X-Amz-Signature"]

    first = signature(SESSION, now)
    assert signature(other, now) != first
    assert signature(SESSION, now + timedelta(minutes=2)) != first
    assert signature(SESSION, now) == first


@pytest.mark.parametrize("seconds", [0, 604_801])
def test_a_life_that_no_store_takes_is_refused(seconds: int) -> None:
    signer = Signer(BucketAddress("https://media.example", "/"), "eu-central-1")
    with pytest.raises(ValueError, match="604800"):
        signer.sign("GET", "k", SESSION, now=datetime.now(UTC), seconds=seconds, query={}, headers={})
