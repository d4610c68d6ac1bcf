from __future__ import annotations

import base64
import json

import pytest

from reelkeep.encryption.keys import ContentKey
from reelkeep.errors import NotFound, RequestError
from reelkeep.playback.licences import MAX_KEY_IDS, answer, parse_request

OURS, OTHER = ContentKey(bytes(range(16)), b"k" * 16), ContentKey(bytes(16), b"j" * 16)


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_a_licence_holds_the_keys_that_were_asked_for_and_no_other() -> None:
    body = json.dumps({"kids": [text(OURS.key_id), text(b"?" * 16)], "type": "temporary"}).encode()
    licence = json.loads(answer(parse_request(body), [OURS, OTHER]))
    assert licence == {"keys": [{"kty": "oct", "kid": text(OURS.key_id), "k": text(OURS.key)}], "type": "temporary"}
    assert "=" not in json.dumps(licence)


def test_keys_of_another_version_are_not_there() -> None:
    with pytest.raises(NotFound):
        answer([OTHER.key_id], [OURS])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\x08\x04",
        b'{"kids": []}',
        b'{"kids": "abc"}',
        b'{"kids": 5}',
        b'{"kids": ["AAAA"]}',
        b'{"kids": [null]}',
        b"[" * 5_000,
        json.dumps({"kids": [text(bytes(16))] * (MAX_KEY_IDS + 1)}).encode(),
    ],
)
def test_what_is_no_licence_request_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError):
        parse_request(body)
