"""A log that tells what went wrong, and never about what: the operator reads it, and titles are none of theirs (I10).

The message of a foreign exception may quote a row of a database or a name of a file, so of an error only its class and
the lines of code it passed through are written. Messages of our own loggers hold no names; those of others are left
out.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from pathlib import Path
from types import TracebackType
from typing import Final

MAX_FRAMES: Final = 12  # of one error, the innermost
MAX_CAUSES: Final = 4
_OURS: Final = "reelkeep"


def keep_names_out() -> None:
    """Have whatever this process logs, or dies of, written without names, to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Nameless())
    handler.setLevel(logging.WARNING)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    hide_last_words()


def hide_last_words() -> None:
    """Have the error that ends this process, or a thread of it, written without its message."""
    sys.excepthook = _ended
    threading.excepthook = lambda ended: _write(ended.exc_value)
    sys.unraisablehook = lambda ended: _write(ended.exc_value)


def told(error: BaseException | None) -> str:
    """Return the class of an error and where it was raised, and the same of what caused it.

    >>> told(ValueError("a title"))
    'builtins.ValueError'
    """
    lines: list[str] = []
    while error is not None and len(lines) < MAX_CAUSES:
        frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
        places = " < ".join(f"{_place(one.filename)}:{one.lineno} {one.name}" for one in reversed(frames))
        kind = f"{type(error).__module__}.{type(error).__qualname__}"
        lines.append(f"{kind} at {places}" if places else kind)
        error = error.__cause__ or error.__context__
    return "; from ".join(lines)


class _Nameless(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        is_ours = record.name.partition(".")[0] == _OURS
        text = record.getMessage() if is_ours else f"{record.levelname.lower()} in {record.module}"
        error = record.exc_info[1] if record.exc_info else None
        return f"{record.name}: {text}" + (f": {told(error)}" if error is not None else "")


def _place(filename: str) -> str:
    return "/".join(Path(filename).parts[-2:])


def _ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    del trace
    if issubclass(kind, KeyboardInterrupt):
        return
    _write(error)


def _write(error: BaseException | None) -> None:
    if error is not None:
        print(f"ended by {told(error)}", file=sys.stderr)
