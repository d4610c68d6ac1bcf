"""Exit codes, one for each party that must act. They are documented in docs/cli.md and part of the interface."""

from __future__ import annotations

from typing import Final

from reelkeep.errors import (
    DependencyError,
    Forbidden,
    IsolationError,
    MediaError,
    NotFound,
    ReelkeepError,
    RequestError,
    SignInRequired,
    StorageSetupError,
)

DONE: Final = 0
FAULT: Final = 1  # a defect of ours
USAGE: Final = 2  # a wrong command line
FINDINGS: Final = 10  # an audit found what must be looked at
INTERRUPTED: Final = 130  # Ctrl-C; what was begun can be gone on with

_CODES: Final[tuple[tuple[type[ReelkeepError], int], ...]] = (  # the most particular class first
    (SignInRequired, 4),
    (NotFound, 5),
    (Forbidden, 5),
    (RequestError, 3),
    (MediaError, 6),
    (StorageSetupError, 7),
    (DependencyError, 8),
    (IsolationError, 9),
)


def exit_code(error: ReelkeepError) -> int:
    """Return the exit code of an error.

    >>> exit_code(NotFound()), exit_code(MediaError()), exit_code(DependencyError())
    (5, 6, 8)
    """
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAULT)
