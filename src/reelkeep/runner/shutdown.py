"""The supervisor's word that a job process has to end, passed on to whoever works on the job."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Shutdown:
    """Said once. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said = False
        self._callbacks: list[Callable[[], None]] = []

    @property
    def said(self) -> bool:
        return self._said

    def say(self) -> None:
        """Call everyone back, in this thread."""
        with self._lock:
            self._said = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def on_said(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called, at once if it was said already."""
        with self._lock:
            if not self._said:
                self._callbacks.append(callback)
                return
        callback()
