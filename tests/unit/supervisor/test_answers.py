"""Who may ask the supervisor for what: each role for its own, a process of a closed site for nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import pytest

from reelkeep.errors import IsolationError
from reelkeep.jobs.interface import JobKind
from reelkeep.supervisor.answers import CompanyAnswers

MAY = {
    "app": {"session", "ring", "refused", "resume", "onboarding", "network", "set_network", "note_step"},
    "media": {"session", "ring", "refused", "seen"},
    "job": {"session", "ring", "refused"},
}
KINDS = sorted({*MAY["app"], *MAY["media"], "idle", "storage", "revoke", "", "x" * 500})
FIELDS = {
    "connection_id": "c", "by": "role", "kind": JobKind.TRANSCODE.value, "answer": "denied", "network": None,
    "step": "review", "state": "done", "owner": "Ada", "evidence": "agreed",
}  # fmt: skip


class Asked:
    """Stands for sessions, registry, doorbell and watch: notes down that it was asked."""

    def __init__(self) -> None:
        self.times = 0

    def __getattr__(self, name: str) -> Any:
        async def noted(*_: object) -> Mapping[str, Any]:
            self.times += 1
            return {}

        return noted

    def note_seen(self, *_: object) -> None:
        self.times += 1


def ask(role: str, kind: str, *, is_closed: bool) -> int:
    """Return how often something was done."""
    asked: Any = Asked()
    answer = CompanyAnswers(is_closed, asked, asked.ring, asked.note_seen).of(role, asked)
    with contextlib.suppress(IsolationError):
        asyncio.run(answer(kind, FIELDS))
    return int(asked.times)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", MAY)
def test_a_process_may_ask_for_what_is_its_roles_and_for_nothing_else(role: str, kind: str) -> None:
    assert ask(role, kind, is_closed=False) == (kind in MAY[role])
    assert ask(role, kind, is_closed=True) == 0
