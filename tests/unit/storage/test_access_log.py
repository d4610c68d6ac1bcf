"""Lines of S3 access logs: the documented ones are read, and no stranger's text passes for another field."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from tests.services.log_delivery import AFTER, OWNER, line

from reelkeep.ids import new_id
from reelkeep.storage.access_log import MAX_LINE_BYTES, read_line, read_lines

GRANT = "00000000000000000000"
OTHER = "zzzzzzzzzzzzzzzzzzzz"
# Of the Amazon S3 User Guide, the fields after the host id left out or at their longest.
DOCUMENTED = (
    f'{OWNER} amzn-s3-demo-bucket1 [06/Feb/2019:00:00:38 +0000] 192.0.2.3 {OWNER} 3E57427F3EXAMPLE '
    'REST.GET.VERSIONING - "GET /amzn-s3-demo-bucket1?versioning HTTP/1.1" 200 - 113 - 7 - "-" "S3Console/0.4" - '
    f"{AFTER} SigV4 ECDHE-RSA-AES128-GCM-SHA256 AuthHeader amzn-s3-demo-bucket1.s3.us-west-1.amazonaws.com TLSV1.2 "
    "arn:aws:s3:us-west-1:123456789012:accesspoint/example-AP Yes us-east-1"
)  # fmt: skip


def test_a_documented_line_is_read_field_by_field() -> None:
    read = read_line(DOCUMENTED)
    assert read is not None
    assert (read.bucket, read.at) == ("amzn-s3-demo-bucket1", datetime(2019, 2, 6, 0, 0, 38, tzinfo=UTC))
    assert (read.address, read.requester, read.request_id) == ("192.0.2.3", OWNER, "3E57427F3EXAMPLE")
    assert (read.operation, read.key, read.method) == ("REST.GET.VERSIONING", "", "GET")
    assert (read.target, read.status, read.error, read.sent_bytes) == ("/amzn-s3-demo-bucket1?versioning", 200, "", 113)
    assert (read.version_id, read.grant) == ("", None)
    assert read_line(f"{DOCUMENTED} a field of tomorrow") == read


def test_what_s3_does_by_itself_has_no_request() -> None:
    for nothing in ("-", '"-"'):
        text = (
            f"{OWNER} reels [06/Feb/2019:00:00:38 +0000] - AmazonS3 3E57427F3EXAMPLE S3.EXPIRE.OBJECT downloads/a "
            f"{nothing} - - - 41 - - {nothing} {nothing} v1 {AFTER} - - - -"
        )
        read = read_line(text)
        assert read is not None
        assert (read.operation, read.key, read.target, read.status) == ("S3.EXPIRE.OBJECT", "downloads/a", "", None)
        assert (read.grant, read.version_id) == (None, "v1")


@pytest.mark.parametrize(
    ("query", "grant"),
    [
        (f"?x-reelkeep={GRANT}", GRANT),
        (f"?partNumber=1&X-Amz-Date=20261126T000000Z&x-reelkeep={GRANT}&X-Amz-Expires=900", GRANT),
        (f"?x-reelkeep={GRANT}&x-reelkeep={GRANT}", GRANT),
        (f"?x-reelkeep={GRANT}&x-reelkeep={OTHER}", None),
        ("?x-reelkeep=", None),
        ("?x-reelkeep=../../etc/passwd", None),
        (f"?x-reelkeep%3D{GRANT}", None),
        (f"?y=x-reelkeep={GRANT}", None),
        (f"/x-reelkeep={GRANT}", None),
        ("", None),
        ("?" + "&" * 10_000 + f"x-reelkeep={GRANT}", None),
    ],
)
def test_a_grant_is_the_one_that_the_query_names(query: str, grant: str | None) -> None:
    read = read_line(line(f"GET /reels/a/b.mov{query} HTTP/1.1"))
    assert read is not None
    assert read.grant == grant


@pytest.mark.parametrize(
    "hostile",
    [
        line(f'GET /a" 200 - 1 1 1 1 "x" "y" - h HTTP/1.1?x-reelkeep={GRANT}', status=403, error="AccessDenied"),
        line(f'GET /a?x-reelkeep={GRANT} HTTP/1.1" 200 - 1 1 1 1 "-" "-" - h', status=403, error="AccessDenied"),
        line('GET /a HTTP/1.1" 200 - 1 1 1 1 - - - h', status=403),
        line("GET /a HTTP/1.1", agent='" - h SigV4 "'),
        line("GET /a HTTP/1.1", referer='" "agent" v1 h SigV4 - - - - "'),
        line("GET /a HTTP/1.1", agent='a"b'),
        DOCUMENTED.replace("Feb", "Fub"),
        line("GET /a HTTP/1.1") + ' "more"',
        line("GET /a HTTP/1.1").replace(" 200 ", " 2000 "),
        line("GET /a HTTP/1.1").replace(" 192.0.2.3", "  192.0.2.3"),
        line("GET /" + "a" * MAX_LINE_BYTES + " HTTP/1.1"),
        DOCUMENTED.replace("06/Feb/2019", "31/Feb/2019"),
        DOCUMENTED.replace("06/Feb/2019", "\u0660\u0666/Feb/2019"),
        DOCUMENTED[:200],
        "",
    ],
    ids=range(15),
)
def test_a_line_that_could_be_read_in_two_ways_is_not_read(hostile: str) -> None:
    assert read_line(hostile) is None


def test_what_is_no_line_is_counted_and_a_cut_line_left_out() -> None:
    grant = new_id()
    whole = line(f"GET /reels/a?x-reelkeep={grant} HTTP/1.1")
    found, unread = read_lines(f"{whole}\n\nnonsense\n\udcff\n{whole}\r\n{whole[:90]}".encode("utf-8", "surrogatepass"))
    assert ([one.grant for one in found], unread) == ([grant, grant], 2)
    assert read_lines(b"\xff\xfe\n") == ([], 1)


def test_no_line_takes_long_to_be_refused() -> None:
    hostile = [
        "a " * (MAX_LINE_BYTES // 2),
        '"' * MAX_LINE_BYTES,
        'a a [a] a a a a a "' + 'a" - - - - - - "' * 2_000,
        line("GET /a HTTP/1.1") + " a" * 10_000 + '"',
    ]
    began = time.process_time()
    assert [read_line(one[:MAX_LINE_BYTES]) for one in hostile] == [None] * len(hostile)
    assert time.process_time() - began < 0.5
