"""Checks on objects: what must work below the prefix, and what must be refused there and elsewhere."""

from __future__ import annotations

import ipaddress
import time
import urllib.parse
import zlib
from typing import Any, Final

from reelkeep.acceptance.bench import BODY, TYPE, Bench
from reelkeep.acceptance.interface import Check, Group, NotVerifiable, Outcome, Result, failed, passed, unsupported
from reelkeep.contract.comparison import Known
from reelkeep.contract.expressions import Choice, resolve
from reelkeep.storage import crc
from reelkeep.storage.trial import Answer, TrialClient

PART_BYTES: Final = 5 << 20  # S3 takes no smaller part but the last
SPEED_BYTES: Final = 4 << 20
_ALGORITHM: Final = Choice("UsesKms", Choice("UsesTwoLayers", "aws:kms:dsse", "aws:kms"), "AES256")
_SENT_BY_PAGES: Final = "content-type,x-amz-checksum-crc32,range"
_KMS_ADVICE: Final = (
    "Let the media role use the bucket's key: kms:Decrypt and kms:GenerateDataKey in its policy and in the key's; "
    "the key must be enabled and in the bucket's region."
)


def _done(answer: Answer, what: str, advice: str) -> Outcome:
    if answer.is_silent:
        raise NotVerifiable("the store did not answer")
    if answer.code.startswith("KMS."):
        return failed(f"the bucket's key does not let us in: {answer.told()}", _KMS_ADVICE)
    return passed(what) if answer.is_done else failed(answer.told(), advice)


def _put(bench: Bench) -> Outcome:
    _, answer = bench.test_object()
    outcome = _done(answer, "an object was written", "Allow s3:PutObject below the prefix to the media role.")
    if outcome.result is Result.FAIL and answer.is_refused and _uses_kms(bench):
        return failed(f"{outcome.found}; the bucket encrypts with KMS, so the key may be what refuses", _KMS_ADVICE)
    return outcome


def _uses_kms(bench: Bench) -> bool:
    stack = bench.subject.stack
    return stack is not None and stack.encryption != "SSE-S3"


def _head(bench: Bench) -> Outcome:
    answer = bench.media.s3("head_object", Key=bench.readable())
    if answer.is_done and int(answer.data.get("ContentLength", -1)) != len(BODY):
        return failed("the store tells of another length than was written", "Look at what answers as S3.")
    return _done(answer, "its length is what was written", "Allow s3:GetObject below the prefix to the media role.")


def _range(bench: Bench) -> Outcome:
    answer = bench.media.s3("get_object", Key=bench.readable(), Range="bytes=10-19")
    if answer.is_done and answer.body != BODY[10:20]:
        return failed("the store gave other bytes than were asked for", "Use a store that serves ranges.")
    return _done(answer, "ten bytes from the middle came back", "Allow s3:GetObject below the prefix.")


def _list(bench: Bench) -> Outcome:
    answer = bench.media.s3("list_objects_v2", Prefix=bench.test_key(""), MaxKeys=10)
    return _done(answer, "the test folder was listed", "Allow s3:ListBucket with s3:prefix below the prefix.")


def _multipart(bench: Bench) -> Outcome:
    parts = (b"\0" * PART_BYTES, BODY)
    facts = _uploaded(bench, "parts", parts, {}, {})
    return facts if isinstance(facts, Outcome) else passed("two parts became one object")


def _whole_checksum(bench: Bench) -> Outcome:
    checksum = crc.to_text(crc.to_bytes(zlib.crc32(BODY)))
    begin = {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}
    end = {"ChecksumType": "FULL_OBJECT", "ChecksumCRC32": checksum}
    key = _uploaded(bench, "checksum", (BODY,), begin, end)
    if not isinstance(key, Outcome):
        answer = bench.media.s3("head_object", Key=key, ChecksumMode="ENABLED")
        if answer.data.get("ChecksumCRC32") == checksum and answer.data.get("ChecksumType") != "COMPOSITE":
            return passed("the store keeps the checksum of a whole object")
    if bench.subject.is_aws:
        return failed("the store kept no checksum of a whole object", "Look at what answers as S3.")
    return unsupported("this store keeps no checksum of a whole object, only of its parts")


def _uploaded(bench: Bench, name: str, parts: tuple[bytes, ...], begin: Any, end: Any) -> str | Outcome:
    """Upload in parts; return the key, or what went wrong."""
    client, key = bench.media, bench.test_key(name)
    advice = "Allow s3:PutObject, s3:AbortMultipartUpload and s3:ListMultipartUploadParts below the prefix."
    begun = client.s3("create_multipart_upload", Key=key, ContentType=TYPE, **begin)
    if not begun.is_done:
        return _done(begun, "", advice)
    upload = {"Key": key, "UploadId": str(begun.data["UploadId"])}
    made = []
    for number, body in enumerate(parts, 1):
        checksum = {"ChecksumCRC32": crc.to_text(crc.to_bytes(zlib.crc32(body)))} if begin else {}
        sent = client.s3("upload_part", **upload, PartNumber=number, Body=body, **checksum)
        if not sent.is_done:
            client.s3("abort_multipart_upload", **upload)
            return _done(sent, "", advice)
        made.append({"PartNumber": number, "ETag": str(sent.data["ETag"]), **checksum})
    listed = client.s3("list_parts", **upload)
    if not listed.is_done or len(listed.data.get("Parts", ())) != len(parts):
        client.s3("abort_multipart_upload", **upload)
        return _done(listed, "", advice) if not listed.is_done else failed("parts were lost", advice)
    ended = client.s3("complete_multipart_upload", **upload, MultipartUpload={"Parts": made}, **end)
    if not ended.is_done:
        client.s3("abort_multipart_upload", **upload)
        return _done(ended, "", advice)
    bench.note(key, ended)
    return key


def _write_once(bench: Bench) -> Outcome:
    key = bench.test_key("once")
    if not bench.put(bench.media, key, BODY).is_done:
        raise NotVerifiable("no test object could be written")
    answer = bench.put(bench.media, key, b"replaced", IfNoneMatch="*")
    if answer.code in ("PreconditionFailed", "412", "ConditionalRequestConflict"):
        return passed("the store refused to replace an object that is there")
    if bench.subject.is_aws:
        return failed(f"an object was replaced ({answer.told()})", "Look at what answers as S3.")
    return unsupported("this store does not refuse to replace an object (If-None-Match)")


def _outside(bench: Bench, operation: str) -> Outcome:
    """Ask beside the prefix: with the role's whole rights where the contract binds, else as our own sessions are."""
    prefix = bench.connection.prefix
    if not prefix:
        raise NotVerifiable("the connection has no prefix: the whole bucket is its own")
    bound = bench.subject.is_bound and not bench.connection.is_hosted
    client = bench.media if bound else bench.narrowed
    beside = f"reelkeep-acceptance-{bench.run}"
    if operation == "put_object":
        answer = bench.put(client, beside, b"x")
    elif operation == "get_object":
        answer = client.s3(operation, Key=beside)
    else:
        answer = client.s3(operation, MaxKeys=1, Prefix=beside)
    how = "with all rights of the role" if bound else "with a session as the platform's own are"
    if answer.is_refused:
        return passed(f"refused {how}")
    if answer.is_silent:
        raise NotVerifiable("the store did not answer")
    return failed(f"{answer.told()}, {how}", "Allow the media role objects and listings below the prefix alone.")


def _outside_put(bench: Bench) -> Outcome:
    return _outside(bench, "put_object")


def _outside_get(bench: Bench) -> Outcome:
    return _outside(bench, "get_object")


def _outside_list(bench: Bench) -> Outcome:
    return _outside(bench, "list_objects_v2")


def _delete_tests(bench: Bench) -> Outcome:
    key = bench.test_key("deleted")
    written = bench.put(bench.media, key, BODY)
    if not written.is_done:
        raise NotVerifiable("no test object could be written")
    answer = bench.media.s3("delete_object", Key=key)
    if answer.is_done and answer.data.get("VersionId"):
        bench.note(key, answer)
    return _done(answer, "a test object was deleted", "Allow s3:DeleteObject on proxies/, downloads/ and probe/ alone.")


def _delete_original(bench: Bench) -> Outcome:
    key = bench.key(f"originals/reelkeep-acceptance-{bench.run}")  # nothing lies there
    answer = bench.media.s3("delete_object", Key=key)
    if answer.is_done and answer.data.get("VersionId"):
        bench.note(key, answer)
    return _must_be_refused(answer, "Take s3:DeleteObject on originals/ from the media role.")


def _delete_version(bench: Bench) -> Outcome:
    key = bench.key(f"originals/reelkeep-acceptance-{bench.run}")
    answer = bench.media.s3("delete_object", Key=key, VersionId="null")
    return _must_be_refused(answer, "Take s3:DeleteObjectVersion on originals/ from the media role.")


def _must_be_refused(answer: Answer, advice: str) -> Outcome:
    if answer.is_refused:
        return passed("refused")
    if answer.is_silent:
        raise NotVerifiable("the store did not answer")
    return failed(answer.told(), advice)


def _anonymous(bench: Bench) -> Outcome:
    key = bench.readable()
    answers = (
        bench.nobody.s3("get_object", Key=key),
        bench.nobody.s3("list_objects_v2", MaxKeys=1),
        bench.put(bench.nobody, bench.test_key("anonymous"), b"x"),
    )
    open_ = [answer.told() for answer in answers if answer.is_done]
    if open_:
        return failed(
            f"without a signature: {'; '.join(open_)}",
            "Switch on all four public access blocks and take every Allow for everybody from the bucket's policy.",
        )
    if not all(answer.is_refused for answer in answers):
        raise NotVerifiable("; ".join(answer.told() for answer in answers if not answer.is_refused))
    return passed("reading, listing and writing without a signature were refused")


def _plain_http(bench: Bench) -> Outcome:
    url, own = bench.subject.plain_url, urllib.parse.urlsplit(bench.connection.endpoint_url or "https://")
    if not url and own.scheme == "http":
        if _is_loopback(own.hostname or ""):
            raise NotVerifiable("this store is reached over plain HTTP within this machine alone")
        return failed(
            "the connection itself speaks plain HTTP across a network",
            "Give the store a certificate, and connect it with an https address.",
        )
    url = url or (f"http://{own.hostname}" if own.hostname else f"http://s3.{bench.connection.region}.amazonaws.com")
    answer = bench.plain(url).s3("get_object", Key=bench.readable())
    if answer.is_silent:
        return passed("nobody answers plain HTTP")
    if answer.is_refused:
        return passed("the very request that works over TLS was refused over plain HTTP")
    if answer.is_done:
        return failed(
            "an object came over plain HTTP", "Put the statement RefusePlainHttp back into the bucket's policy."
        )
    return passed(f"plain HTTP got no object ({answer.told()})")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _encryption(bench: Bench) -> Outcome:
    answer = bench.media.s3("head_object", Key=bench.readable())
    found = str(answer.data.get("ServerSideEncryption") or "")
    known = bench.known
    if not answer.is_done:
        return _done(answer, "", "Allow s3:GetObject below the prefix to the media role.")
    if bench.subject.stack is None:
        return passed(f"stored under {found}") if found else unsupported("this store tells of no encryption at rest")
    return _as_agreed(known, found, str(answer.data.get("SSEKMSKeyId") or ""))


def _as_agreed(known: Known, found: str, key: str) -> Outcome:
    wanted = resolve(_ALGORITHM, known.facts)
    if found != wanted:
        return failed(
            f"the object is stored under {found or 'nothing'}, and the contract says {wanted}",
            "Set the bucket's default encryption as the stack's parameter Encryption says.",
        )
    ours = known.facts.text("KeyArn") or known.facts.text("KmsKeyArn")
    if ours and key and key.rpartition("/")[2] != ours.rpartition("/")[2]:
        return failed(
            "the object is stored under another key than the stack's", "Set the stack's key as the bucket's default."
        )
    return passed(f"stored under {found}, with the stack's key" if ours and key else f"stored under {found}")


def _cors_own(bench: Bench) -> Outcome:
    origin = bench.subject.origin
    found = {method: _allowed(bench.nobody, bench, origin, method) for method in ("GET", "PUT", "HEAD")}
    if any(answer is None for answer in found.values()):
        raise NotVerifiable("the store did not answer")
    missing = [method for method, answer in found.items() if answer not in (origin, "*")]
    if missing:
        return failed(
            f"a page of {origin} may not send {', '.join(missing)}",
            "Set the bucket's CORS rule as the contract says, with exactly this origin; "
            "a store without CORS cannot take uploads from browsers.",
        )
    return passed(f"pages of {origin} may get, put and ask")


def _cors_other(bench: Bench) -> Outcome:
    other = "https://reelkeep-acceptance.invalid"
    found = {method: _allowed(bench.nobody, bench, other, method, headers="") for method in ("GET", "PUT")}
    if any(answer is None for answer in found.values()):
        raise NotVerifiable("the store did not answer")
    if let_in := [method for method, answer in found.items() if answer]:
        return failed(
            f"pages of any other origin may send {', '.join(let_in)}, too",
            "Allow exactly the origins of your company's site.",
        )
    return passed("a page of another origin was refused")


def _allowed(client: TrialClient, bench: Bench, origin: str, method: str, headers: str = _SENT_BY_PAGES) -> str | None:
    answer = client.cross_origin(bench.test_key("object"), origin, method, headers)
    return None if answer is None else answer.get("access-control-allow-origin", "")


def speed(bench: Bench) -> Outcome:
    """Measure one small read, several times, and a write and a read of 4 MiB."""
    key, large = bench.readable(), bench.test_key("speed")
    waits = sorted(bench.media.s3("get_object", Key=key, Range="bytes=0-0").seconds for _ in range(5))
    body = b"\0" * SPEED_BYTES
    since = time.monotonic()
    written = bench.put(bench.media, large, body)
    up = time.monotonic() - since
    read = bench.media.s3("get_object", Key=large)
    if not (written.is_done and read.is_done):
        raise NotVerifiable("the store did not take or give 4 MiB")
    figures = {
        "first_byte_ms": round(waits[2] * 1_000, 1),
        "write_mb_per_second": round(len(body) / up / 1e6, 1),
        "read_mb_per_second": round(len(body) / read.seconds / 1e6, 1),
    }
    return passed(
        f"{figures['first_byte_ms']} ms to a byte (median of five); 4 MiB on one connection: "
        f"{figures['write_mb_per_second']} MB/s up, {figures['read_mb_per_second']} MB/s down",
        **figures,
    )


_ALL: Final = "with all rights of the media role"
CHECKS: Final = (
    Check("put", Group.OBJECTS, "Uploads and proxies can be written.", "PutObject in the test folder.", _put),
    Check("head", Group.OBJECTS, "What was written is there.", "HeadObject.", _head),
    Check("range", Group.OBJECTS, "Parts of an object can be read.", "GetObject with a range.", _range),
    Check("list", Group.OBJECTS, "What lies below the prefix is found.", "ListObjectsV2.", _list),
    Check("multipart", Group.OBJECTS, "Large files can be uploaded in parts.",
          "An upload of two parts, listed and completed.", _multipart),
    Check("whole-checksum", Group.OBJECTS, "The store checks a whole object's checksum.",
          "A multipart upload with a full-object CRC-32.", _whole_checksum, is_required=False),
    Check("write-once", Group.OBJECTS, "An object that is there is never replaced.",
          "PutObject with If-None-Match.", _write_once, is_required=False),
    Check("encrypted-object", Group.OBJECTS, "Stored objects are encrypted as you chose.",
          "HeadObject of the test object.", _encryption),
    Check("delete-tests", Group.OBJECTS, "What can be made again can be deleted.",
          "DeleteObject in the test folder.", _delete_tests),
    Check("delete-original", Group.OBJECTS, "The platform cannot delete an original.",
          f"DeleteObject below originals/, of a name that is not there, {_ALL}.", _delete_original),
    Check("delete-original-version", Group.OBJECTS, "The platform cannot delete a version of an original.",
          f"DeleteObject with a version below originals/, {_ALL}.", _delete_version),
    Check("outside-put", Group.OBJECTS, "Nothing is written beside the prefix.", "PutObject beside it.", _outside_put),
    Check("outside-get", Group.OBJECTS, "Nothing is read beside the prefix.", "GetObject beside it.", _outside_get),
    Check("outside-list", Group.OBJECTS, "Nothing is listed beside the prefix.",
          "ListObjectsV2 beside it.", _outside_list),
    Check("anonymous", Group.OBJECTS, "Nobody reaches anything without a signature.",
          "GetObject, ListObjectsV2 and PutObject, unsigned.", _anonymous),
    Check("plain-http", Group.OBJECTS, "Nothing travels unencrypted.",
          "GetObject over plain HTTP, with the session that works over TLS.", _plain_http),
    Check("cors-own", Group.BROWSERS, "Browsers upload from your company's pages.",
          "The question that browsers ask first (OPTIONS), for GET, PUT and HEAD.", _cors_own),
    Check("cors-other", Group.BROWSERS, "Browsers upload from no other page.",
          "The same question from another origin.", _cors_other),
)  # fmt: skip
