"""A look at a connection: what is asked, how often, and what it makes of the answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from tests.services import marker_store
from tests.services.marker_store import MarkerStore

from reelkeep.errors import DependencyError, ReelkeepError, StorageRefused
from reelkeep.ids import ConnectionId, GrantId, new_id
from reelkeep.storage.connection_states import Revocation
from reelkeep.storage.interface import StorageConnection, StsSession
from reelkeep.storage.refusals import AWAY, OPEN, ROLE_REFUSES, Answer
from reelkeep.storage.watch import ASSUME_AGAIN_SECONDS, ASSUME_SECONDS, CONNECT_SECONDS, READ_SECONDS, Eye

DENIED, STALE = (403, "AccessDenied"), (400, "ExpiredToken")


@dataclass
class Sts:
    """Gives sessions with numbered access keys, until it is told to say something else."""

    problem: ReelkeepError | None = None
    given: list[str] = field(default_factory=list)
    asked: int = 0

    def assume(self) -> StsSession:
        self.asked += 1
        if self.problem is not None:
            raise self.problem
        self.given.append(f"KEY{len(self.given)}")
        return StsSession(self.given[-1], "secret", "token", datetime.now(UTC) + timedelta(hours=1))


@dataclass
class Looking:
    store: MarkerStore
    sts: Sts
    eye: Eye
    grant: GrantId
    now: list[float]


@pytest.fixture(scope="module")
def store() -> Iterator[MarkerStore]:
    with marker_store.running() as one:
        yield one


@pytest.fixture
def looking(store: MarkerStore) -> Looking:
    store.answers, store.keys, store.paths = [(200, "")], [], []
    return open_eye(store)


def open_eye(store: MarkerStore, *, has_marker: bool = True) -> Looking:
    connection = StorageConnection(
        ConnectionId(new_id()), "acme-media", "eu-west-1", "media", "arn:aws:iam::1:role/r", "x", store.endpoint_url,
        None, True, frozenset(), has_marker=has_marker,
    )  # fmt: skip
    sts, grant, now = Sts(), GrantId(new_id()), [100.0]
    eye = Eye(connection, sts.assume, lambda: grant, clock=lambda: now[0])
    return Looking(store, sts, eye, grant, now)


def test_a_look_reads_the_marker_under_a_grant_and_asks_sts_once_a_minute(looking: Looking) -> None:
    for _ in range(20):
        assert looking.eye.look() is OPEN
        looking.now[0] += 2.9
    assert looking.sts.given == ["KEY0", "KEY1"]
    assert looking.store.keys[0] == "KEY0"
    assert looking.store.keys[-1] == "KEY1"
    assert ASSUME_SECONDS + 3 < 60
    assert all(path.startswith("/acme-media/media/reelkeep.json") for path in looking.store.paths)
    assert all(f"x-reelkeep={looking.grant}" in path for path in looking.store.paths)


def test_a_refusal_counts_once_a_fresh_session_has_met_it_too(looking: Looking) -> None:
    assert looking.eye.look() is OPEN
    looking.store.answers = [DENIED, (200, "")]
    assert looking.eye.look() is OPEN
    looking.store.answers = [DENIED]
    told = looking.eye.look()
    assert (told.answer, told.by) == (Answer.REFUSED, Revocation.BUCKET)
    assert looking.store.keys[-2:] == ["KEY1", "KEY2"]


def test_a_session_that_is_not_known_any_more_is_made_anew_and_says_nothing_by_itself(looking: Looking) -> None:
    looking.eye.look()
    looking.store.answers = [STALE, (200, "")]
    assert looking.eye.look() is OPEN
    looking.store.answers = [STALE]
    assert looking.eye.look() is AWAY
    looking.sts.problem = StorageRefused()
    assert looking.eye.look() is ROLE_REFUSES


def test_a_role_that_refuses_is_a_refusal_and_is_asked_again_at_the_next_look(looking: Looking) -> None:
    looking.eye.look()
    looking.sts.problem = StorageRefused()
    assert looking.eye.look() is OPEN  # the store lets the session in as long as it lives
    looking.now[0] += ASSUME_SECONDS
    assert [looking.eye.look(), looking.eye.look()] == [ROLE_REFUSES, ROLE_REFUSES]
    looking.sts.problem = None
    assert looking.eye.look() is OPEN


@pytest.mark.parametrize("code", ["KMS.DisabledException", "KMS.NotFoundException", "KMS.KMSInvalidStateException"])
def test_a_disabled_key_is_told_from_a_bucket_that_refuses(looking: Looking, code: str) -> None:
    looking.store.answers = [(400, code)]
    assert looking.eye.look().by is Revocation.KEY


def test_sts_that_is_away_takes_nothing_from_the_session_and_is_not_pressed(looking: Looking) -> None:
    looking.eye.look()
    looking.sts.problem = DependencyError()
    looking.now[0] += ASSUME_SECONDS
    assert [looking.eye.look() for _ in range(3)] == [OPEN] * 3
    assert looking.sts.asked == 2
    looking.now[0] += ASSUME_AGAIN_SECONDS
    assert looking.eye.look() is OPEN
    assert looking.sts.asked == 3


def test_a_store_that_is_busy_silent_or_gone_is_away_soon(looking: Looking) -> None:
    looking.store.answers = [(503, "SlowDown")]
    assert looking.eye.look() is AWAY
    looking.store.answers = [None, (200, "")]
    began = time.monotonic()
    assert looking.eye.look() is AWAY
    assert time.monotonic() - began < 5 * (CONNECT_SECONDS + READ_SECONDS)
    assert looking.eye.look() is OPEN


def test_without_a_marker_only_the_role_is_asked(store: MarkerStore) -> None:
    store.answers, store.paths = [DENIED], []
    looking = open_eye(store, has_marker=False)
    assert looking.eye.look() is OPEN
    assert store.paths == []
