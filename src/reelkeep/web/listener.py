"""One connection that hears the database's notices of change, for the whole process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import psycopg
from sqlalchemy import URL

from reelkeep.catalog.changes import Change, parse
from reelkeep.catalog.tables import CHANGED_CHANNEL

_FIRST_WAIT_SECONDS: Final = 0.2
_LONGEST_WAIT_SECONDS: Final = 10.0
_log = logging.getLogger(__name__)


async def listen(
    address: URL, on_change: Callable[[Change], None], on_hearing: Callable[[bool], None] = lambda _: None
) -> None:
    """Call ``on_change`` for each notice, for ever; a lost connection is made again.

    Notices sent while there is no connection are lost: whoever depends on one also looks from time to time.

    Args:
        address: the company's database, with the app role's password in it.
        on_change: must not block.
        on_hearing: called with True when notices are heard from now on, and with False when the connection is lost.
    """
    conninfo = address.set(drivername="postgresql").render_as_string(hide_password=False)
    wait_seconds = _FIRST_WAIT_SECONDS
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
                await connection.execute("SET idle_session_timeout = 0")  # it is idle by trade
                await connection.execute(f"LISTEN {CHANGED_CHANNEL}")
                wait_seconds = _FIRST_WAIT_SECONDS
                on_hearing(True)
                async for notice in connection.notifies():
                    if (change := parse(notice.payload)) is not None:
                        on_change(change)
        except psycopg.OperationalError:
            on_hearing(False)
            _log.warning("the database's notices cannot be heard; trying again")
        await asyncio.sleep(wait_seconds)
        wait_seconds = min(wait_seconds * 2, _LONGEST_WAIT_SECONDS)
