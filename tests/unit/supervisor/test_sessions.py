"""Who may have which STS session, and that one company's trouble with STS is not another's."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reelkeep.errors import DependencyError, IsolationError, StorageSetupError
from reelkeep.ids import ConnectionId
from reelkeep.isolation.channel import BadFrame
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection, StsSession
from reelkeep.storage.sts import PlatformIdentity
from reelkeep.supervisor.sessions import CompanySessions

FIRST, SECOND = "1m80cv3h10f705c3aw4y", "1m80cv413nwhn5h52f31"
HERE, THERE = ConnectionId("here"), ConnectionId("there")


class Recorded(CompanySessions):
    """A company whose STS says yes to everything."""

    def __init__(self) -> None:
        super().__init__("acme", {}, PlatformIdentity("key", "secret"))
        self.asked: list[SessionRequest] = []

    async def ask(self, request: SessionRequest) -> StsSession:
        self.asked.append(request)
        return StsSession("id", "secret", "token", datetime.now(UTC) + timedelta(hours=1))


def fields(purpose: str, scope: str, connection: str = HERE) -> dict[str, object]:
    return {"connection_id": connection, "purpose": purpose, "scope": scope, "grant_id": None}


def original(version: str) -> str:
    return f"originals/show-{FIRST}/reel-{FIRST}/{version}/"


@pytest.mark.parametrize(
    ("role", "purpose", "scope"),
    [
        ("app", "playback", "proxies/"),
        ("app", "unwrap", ""),
        ("job", "wrap", ""),
        ("media", "wrap", ""),
        ("media", "unwrap", "proxies/"),
        ("app", "read_original", original(FIRST)),
        ("app", "write_proxy", f"proxies/{FIRST}/"),
        ("media", "download", f"originals/show-{FIRST}/"),
        ("media", "upload", f"originals/show-{FIRST}/"),
        ("media", "write_proxy", f"proxies/{FIRST}/"),
        ("job", "upload", f"originals/show-{FIRST}/"),
        ("job", "download", f"originals/show-{FIRST}/"),
        ("job", "playback", "proxies/"),
        ("job", "probe", f"probe/{FIRST}/"),
        ("job", "read_original", f"originals/show-{FIRST}/"),
        ("job", "read_original", "originals/*/*/*/"),
        ("job", "write_proxy", "proxies/"),
        ("job", "write_proxy", f"proxies/{FIRST}"),
        ("job", "write_proxy", f"originals/{FIRST}/"),
        ("media", "playback", "originals/"),
        ("media", "playback", "proxies/../"),
        ("app", "upload", "originals/"),
        ("app", "download", "originals/show-?/"),
        ("app", "download", "originals/${aws:userid}/"),
    ],
)
def test_a_role_gets_no_session_of_another_purpose_or_scope(role: str, purpose: str, scope: str) -> None:
    company = Recorded()
    with pytest.raises(IsolationError):
        asyncio.run(company.of_process(role).answer(fields(purpose, scope)))
    assert not company.asked


def test_who_unwraps_the_company_key_may_still_ask_for_one_version_and_no_second() -> None:
    company = Recorded()
    job = company.of_process("job")
    for asked in (fields("unwrap", ""), fields("read_original", original(FIRST)), fields("unwrap", "")):
        asyncio.run(job.answer(asked))
    with pytest.raises(IsolationError):
        asyncio.run(job.answer(fields("read_original", original(SECOND))))
    assert len(company.asked) == 3


@pytest.mark.parametrize("field", ["connection_id", "purpose", "scope", "grant_id"])
def test_a_request_with_a_field_of_another_kind_breaks_the_protocol(field: str) -> None:
    with pytest.raises(BadFrame):
        asyncio.run(Recorded().of_process("media").answer({**fields("playback", "proxies/"), field: ["x"]}))


def test_a_job_process_is_held_to_the_version_it_asked_for_first() -> None:
    company = Recorded()
    job, other = company.of_process("job"), company.of_process("job")
    for request in (fields("read_original", original(FIRST)), fields("write_proxy", f"proxies/{FIRST}/")):
        asyncio.run(job.answer(request))
    for request in (
        fields("read_original", original(SECOND)),
        fields("write_proxy", f"proxies/{SECOND}/"),
        fields("write_proxy", f"proxies/{FIRST}/", THERE),
    ):
        with pytest.raises(IsolationError, match="second version"):
            asyncio.run(job.answer(request))
    asyncio.run(other.answer(fields("write_proxy", f"proxies/{SECOND}/")))
    assert len(company.asked) == 3


@pytest.mark.parametrize("role", ["app", "media", "job"])
@pytest.mark.parametrize(
    "lie",
    [
        {"connection_id": THERE},
        {"connection_id": THERE, "company_id": "borealis"},
        {"connection_id": "../here"},
        {"connection_id": ""},
        {"connection_id": THERE, "role_arn": "arn:aws:iam::000000000000:role/borealis-media", "external_id": "y" * 20},
    ],
)
def test_a_company_whose_process_names_another_companys_connection_gets_nothing_and_sts_is_not_asked(
    role: str, lie: dict[str, str]
) -> None:
    purpose, scope = {
        "app": ("upload", f"originals/show-{FIRST}/"),
        "media": ("playback", "proxies/"),
        "job": ("read_original", original(FIRST)),
    }[role]
    with listener(backlog=8) as (sts, port):
        company = CompanySessions("acme", {}, PlatformIdentity("key", "secret"))
        company.update({HERE: connection(port)})
        with pytest.raises(StorageSetupError, match="no such storage connection"):
            asyncio.run(company.of_process(role).answer({**fields(purpose, scope), **lie}))
        sts.settimeout(0)
        with pytest.raises(BlockingIOError):
            sts.accept()
        company.close()


def test_what_a_message_says_beside_what_is_asked_changes_nothing() -> None:
    company = Recorded()
    lies = {"company_id": "borealis", "role": "job", "role_arn": "arn:aws:iam::1:role/theirs", "external_id": "y"}
    asyncio.run(company.of_process("media").answer({**fields("playback", "proxies/"), **lies}))
    assert company.asked == [SessionRequest(HERE, Purpose.PLAYBACK, "proxies/")]


def test_a_sweep_ends_uploads_at_every_connection_and_reaches_no_version() -> None:
    company = Recorded()
    sweep, transcode = company.of_process("job"), company.of_process("job")
    for connection_id in (HERE, THERE):
        asyncio.run(sweep.answer(fields("end_uploads", "originals/", connection_id)))
    asyncio.run(transcode.answer(fields("clean_proxy", f"proxies/{FIRST}/")))
    for job, request in (
        (sweep, fields("clean_proxy", f"proxies/{FIRST}/")),
        (sweep, fields("read_original", original(FIRST))),
        (transcode, fields("end_uploads", "originals/")),
        (transcode, fields("clean_proxy", f"proxies/{SECOND}/")),
    ):
        with pytest.raises(IsolationError, match="second version"):
            asyncio.run(job.answer(request))
    assert len(company.asked) == 3


def connection(port: int) -> StorageConnection:
    url = f"http://127.0.0.1:{port}"
    arn = "arn:aws:iam::000000000000:role/acme-media"
    return StorageConnection(HERE, "acme-media", "us-east-1", "", arn, "x" * 20, url, url, True, frozenset())


@contextlib.contextmanager
def listener(*, backlog: int) -> Iterator[tuple[socket.socket, int]]:
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as found:
        yield found, found.getsockname()[1]


def test_a_company_whose_sts_never_answers_keeps_no_other_company_waiting() -> None:
    async def ask() -> float:
        hanging, healthy = (CompanySessions(name, {}, PlatformIdentity("key", "secret")) for name in ("acme", "bo"))
        with listener(backlog=64) as (silent, silent_port), listener(backlog=1) as (closed, closed_port):
            closed.close()
            hanging.update({HERE: connection(silent_port)})
            healthy.update({HERE: connection(closed_port)})
            many = [
                asyncio.ensure_future(hanging.of_process("media").answer(fields("playback", "proxies/")))
                for _ in range(40)
            ]
            await asyncio.sleep(0.2)
            began = time.monotonic()
            with pytest.raises(DependencyError):
                await healthy.of_process("media").answer(fields("playback", "proxies/"))
            took = time.monotonic() - began
            hanging.close()
            silent.close()
        await asyncio.gather(*many, return_exceptions=True)
        return took

    assert asyncio.run(ask()) < 15


def test_links_are_bound_to_the_networks_that_the_supervisor_knows() -> None:
    company, networks = Recorded(), ("198.41.0.0/24",)
    company.update({HERE: replace(connection(1), links_from=networks)})
    app = company.of_process("app")
    scope = f"originals/show-{FIRST}/"
    asyncio.run(app.answer({**fields("download", scope), "links_from": ["203.0.113.0/24"]}))
    asyncio.run(app.answer(fields("download", scope)))  # for the platform's own requests
    assert [request.links_from for request in company.asked] == [networks, ()]
