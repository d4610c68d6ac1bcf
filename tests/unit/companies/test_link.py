"""The child's end of the link: replies find their callers, errors keep their class, pushes are never lost."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reelkeep import errors
from reelkeep.companies.birth import storage_fields, storage_from_fields
from reelkeep.companies.link import SupervisorLink, error_fields, error_from
from reelkeep.ids import ConnectionId, GrantId
from reelkeep.isolation.channel import Channel, Message
from reelkeep.jobs.interface import JobKind
from reelkeep.storage.interface import Capability, Purpose, SessionRequest, StorageConnection


class Pair:
    """A link, and the supervisor's end in the test's hands."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.supervisor = Channel(ours)
        self.ended = threading.Event()
        self.link = SupervisorLink(theirs, on_end=self.ended.set)

    def reply(self, message: Message, **fields: Any) -> None:
        self.supervisor.send(Message("reply", {"id": message.fields["id"], **fields}))


@pytest.fixture
def pair() -> Iterator[Pair]:
    one = Pair()
    yield one
    one.supervisor.close()
    assert one.ended.wait(5)


def test_the_birth_is_the_first_frame(pair: Pair) -> None:
    pair.supervisor.send(Message("birth", {"role": "app"}))
    assert pair.link.birth() == {"role": "app"}


def test_replies_find_their_callers_in_whatever_order_they_come(pair: Pair) -> None:
    with ThreadPoolExecutor(8) as pool:
        calls = {number: pool.submit(pair.link.call, "double", kind=number) for number in range(8)}
        for message in sorted((pair.supervisor.receive() for _ in range(8)), key=lambda one: -one.fields["id"]):
            pair.reply(message, ok={"is": message.fields["fields"]["kind"] * 2})
        assert {number: call.result(5)["is"] for number, call in calls.items()} == {n: 2 * n for n in range(8)}


@pytest.mark.parametrize(
    "error",
    [
        errors.NotFound("no"),
        errors.StorageSetupError("refused", advice="Ask them."),
        errors.DependencyError("away"),
        errors.IsolationError("stop"),
    ],
)
def test_an_error_arrives_as_the_class_it_was_raised_as(pair: Pair, error: errors.ReelkeepError) -> None:
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(pair.link.call, "session")
        pair.reply(pair.supervisor.receive(), error=error_fields(error))
        with pytest.raises(type(error)) as raised:
            call.result(5)
    assert (raised.value.message, raised.value.advice()) == (error.message, error.advice())


def test_an_unknown_code_is_still_an_error() -> None:
    assert type(error_from({"code": "from the future"})) is errors.ReelkeepError


def test_a_call_that_gets_no_reply_raises_and_a_late_reply_harms_nobody(pair: Pair) -> None:
    with pytest.raises(errors.DependencyError):
        pair.link.call("session", timeout_seconds=0.05)
    pair.reply(pair.supervisor.receive(), ok={})
    pair.supervisor.send(Message("birth", {"role": "app"}))
    assert pair.link.birth() == {"role": "app"}


def test_pushes_that_came_before_the_callback_are_made_up_for_in_order(pair: Pair) -> None:
    for number in range(3):
        pair.supervisor.send(Message("storage", {"number": number}))
    pair.supervisor.send(Message("birth", {}))
    pair.link.birth()
    seen: list[int] = []
    pair.link.on_push("storage", lambda fields: seen.append(fields["number"]))
    assert seen == [0, 1, 2]


def test_a_ring_waits_for_nothing(pair: Pair) -> None:
    pair.link.ring(JobKind.TRANSCODE)
    message = pair.supervisor.receive()
    assert (message.kind, message.fields) == ("ring", {"fields": {"kind": "transcode"}})


REQUEST = SessionRequest(ConnectionId("c"), Purpose.PLAYBACK, "proxies/", GrantId("g"))


def answer_sessions(pair: Pair, *lives: timedelta) -> threading.Thread:
    def answer() -> None:
        for number, life in enumerate(lives):
            expires = (datetime.now(UTC) + life).isoformat()
            fields = {"access_key_id": str(number), "secret_access_key": "s", "session_token": "t"}
            pair.reply(pair.supervisor.receive(), ok={**fields, "expires_at": expires})

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def test_a_session_is_kept_until_ten_minutes_before_its_end(pair: Pair) -> None:
    thread = answer_sessions(pair, timedelta(hours=1))
    assert [pair.link.session(REQUEST).access_key_id for _ in range(3)] == ["0", "0", "0"]
    thread.join(5)


def test_a_session_that_ends_soon_is_asked_for_again(pair: Pair) -> None:
    thread = answer_sessions(pair, timedelta(minutes=9, seconds=59), timedelta(hours=1))
    assert [pair.link.session(REQUEST).access_key_id for _ in range(3)] == ["0", "1", "1"]
    thread.join(5)


def test_many_threads_that_need_the_same_session_ask_once(pair: Pair) -> None:
    thread = answer_sessions(pair, timedelta(hours=1))
    with ThreadPoolExecutor(8) as pool:
        assert {one.access_key_id for one in pool.map(pair.link.session, [REQUEST] * 8)} == {"0"}
    thread.join(5)


def test_a_session_tells_no_secret_in_its_repr(pair: Pair) -> None:
    thread = answer_sessions(pair, timedelta(hours=1))
    assert "secret_access_key" not in repr(pair.link.session(REQUEST))
    thread.join(5)


def test_a_process_whose_supervisor_is_gone_ends_at_once() -> None:
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        SupervisorLink(theirs).birth()
        os._exit(7)
    theirs.close()
    ours.close()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_storage_crosses_the_link_unchanged() -> None:
    connection = StorageConnection(
        id=ConnectionId("c"),
        bucket="b",
        region="r",
        prefix="p",
        role_arn="arn",
        external_id="x",
        endpoint_url=None,
        sts_endpoint_url="http://127.0.0.1:1",
        path_style=True,
        capabilities=frozenset({Capability.CONDITIONAL_PUT, Capability.EXTERNAL_ID}),
    )
    told = ({connection.id: connection}, {"": connection.id, "production": connection.id})
    assert storage_from_fields(storage_fields(*told)) == told
