"""`reelkeep up` with a planted leak: each process is told at its birth what the one before it was told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from reelkeep.cli import main
from reelkeep.supervisor.linked import Linked

_of = Linked.of.__func__  # type: ignore[attr-defined]
Birth = Callable[[], Mapping[str, Any]]
_last: list[Mapping[str, Any]] = [{}]


async def leaky(cls: type[Linked], unborn: Any, birth: Birth, answer: Any) -> Linked:
    def with_a_leak() -> Mapping[str, Any]:
        before, _last[0] = _last[0], birth()
        return {**_last[0], "leak": before.get("dsn")}

    linked: Linked = await _of(cls, unborn, with_a_leak, answer)
    return linked


if __name__ == "__main__":
    Linked.of = classmethod(leaky)  # type: ignore[method-assign, assignment]
    sys.argv[0] = "reelkeep"
    sys.exit(main())
