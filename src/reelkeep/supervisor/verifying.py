"""Has the connections in use tried out again each day, by a process of its own: it reads what companies' stores answer.

The process is the operator's command. It gets the platform's identity over a pipe, never by argument or environment.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from reelkeep.storage.sts import PlatformIdentity
from reelkeep.supervisor.child import Child

LOOK_SECONDS: Final = 3_600.0  # which connections are due the command itself decides
FIRST_LOOK_SECONDS: Final = 300.0
LONGEST_SECONDS: Final = 3_000.0
STOP_SECONDS: Final = 5.0


class Verifying:
    """Starts the command again and again until it is cancelled.

    Args:
        program: the command, without its options.
        data: the data folder. log: the file that gets its words.
        canary_arn: of the settings; "" if there is none.
    """

    def __init__(
        self, program: Sequence[str], data: Path, log: Path, identity: PlatformIdentity, canary_arn: str
    ) -> None:
        options = ["--data", str(data), *(["--canary", canary_arn] if canary_arn else [])]
        self._program, self._log, self._identity = [*program, *options], log, identity

    async def keep(self, *, first_seconds: float = FIRST_LOOK_SECONDS, seconds: float = LOOK_SECONDS) -> None:
        """Look now and then, for ever."""
        await asyncio.sleep(first_seconds)
        while True:
            if (status := await self.once()) != 0:
                print(f"supervisor: acceptance tests ended with status {status}; see {self._log}", file=sys.stderr)
            await asyncio.sleep(seconds)

    async def once(self) -> int:
        """Run the command and return its status; it is stopped when this is cancelled or takes too long."""
        child = self._start()
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
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
                "access_key_id": self._identity.access_key_id,
                "secret_access_key": self._identity.secret_access_key,
            }
            os.write(writing, json.dumps(key).encode("ascii"))
            program = [*self._program, "--identity-fd", str(reading)]
            return Child("verify", program, log=self._log, pass_fds=[reading], death_signal=signal.SIGKILL)
        finally:
            os.close(reading)
            os.close(writing)
