"""A large body goes out as it is, and its answer ends when the client has taken it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from reelkeep.web.whole import WholeResponse


@pytest.mark.parametrize("kind", [bytes, memoryview])
@pytest.mark.parametrize("length", [0, 1, 3_000_000])
def test_the_body_goes_out_without_a_copy_and_the_end_after_it(length: int, kind: type) -> None:
    body, messages, taken = kind(bytes(length)), list[Any](), asyncio.Event()

    async def send(message: Any) -> None:
        if message.get("more_body") is False:
            await taken.wait()  # as a server does whose client is slow
        messages.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is asked of the client")

    async def play() -> None:
        answer = WholeResponse(body, 200, {"X-Kept": "yes"}, "video/mp4")
        answering = asyncio.create_task(answer({"type": "http"}, receive, send))
        await asyncio.sleep(0)
        assert not answering.done()
        assert memoryview(messages[1]["body"]).obj is memoryview(body).obj
        taken.set()
        await answering

    asyncio.run(play())
    start, whole, end = messages
    assert (start["status"], dict(start["headers"])[b"content-length"]) == (200, str(length).encode())
    assert dict(start["headers"])[b"x-kept"] == b"yes"
    assert (whole["more_body"], end) == (True, {"type": "http.response.body", "body": b"", "more_body": False})
