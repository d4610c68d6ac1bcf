"""Has an operator's command run again and again, by a process of its own: it reads what companies' stores answer.

The process gets the platform's identity over a pipe, never by argument or environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reelkeep.storage.sts import PlatformIdentity
from reelkeep.supervisor.child import Child, spawn

LOOK_SECONDS: Final = 3_600.0  # which connections are due the command itself decides
STOP_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Recurring:
    """A command that is started again and again until it is cancelled.

    Args:
        what: what it does, in a plural noun for people.
        program: the command, with all its options but the identity.
        log: the file that gets its words.
        longest_seconds: after which it is stopped.
    """

    what: str
    program: Sequence[str]
    log: Path
    identity: PlatformIdentity
    longest_seconds: float = 3_000.0

    async def keep(self, *, first_seconds: float, seconds: float = LOOK_SECONDS) -> None:
        """Run it now and then, for ever."""
        await asyncio.sleep(first_seconds)
        while True:
            if (status := await self.once()) != 0:
                print(f"supervisor: {self.what} ended with status {status}; see {self.log}", file=sys.stderr)
            await asyncio.sleep(seconds)

    async def once(self) -> int:
        """Run the command and return its status; it is stopped when this is cancelled or takes too long."""
        child = self._start()
        try:
            async with asyncio.timeout(self.longest_seconds):
                return await child.ended()
        except TimeoutError:
            return -signal.SIGTERM
        finally:
            if child.returncode is None:
                await child.stopped(seconds=STOP_SECONDS)

    def _start(self) -> Child:
        reading, writing = os.pipe()
        try:
            key = {
                "access_key_id": self.identity.access_key_id,
                "secret_access_key": self.identity.secret_access_key,
            }
            os.write(writing, json.dumps(key).encode("ascii"))
            program = [*self.program, "--identity-fd", str(reading)]
            return spawn(self.log.stem, program, log=self.log, pass_fds=[reading], death_signal=signal.SIGKILL)
        finally:
            os.close(reading)
            os.close(writing)
