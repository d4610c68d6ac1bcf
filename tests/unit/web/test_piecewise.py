"""A body in pieces is the body: whole, in order, and never more than a piece at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from reelkeep.web.piecewise import PIECE_BYTES, PiecewiseResponse


def sent(body: bytes | memoryview) -> list[Any]:
    """Return what goes to the server."""
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is asked of the client")

    asyncio.run(PiecewiseResponse(body, 200, {"X-Kept": "yes"}, "video/mp4")({"type": "http"}, receive, send))
    return messages


@pytest.mark.parametrize("length", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 5])
@pytest.mark.parametrize("kind", [bytes, memoryview])
def test_every_byte_goes_out_once_and_in_order(length: int, kind: type) -> None:
    body = bytes(number % 251 for number in range(length))
    start, *pieces = sent(kind(body))
    assert (start["status"], dict(start["headers"])[b"content-length"]) == (200, str(length).encode())
    assert dict(start["headers"])[b"x-kept"] == b"yes"
    assert b"".join(each["body"] for each in pieces) == body
    assert all(len(each["body"]) <= PIECE_BYTES for each in pieces)
    assert [each["more_body"] for each in pieces] == [True] * (len(pieces) - 1) + [False]
