"""The supervisor's end of the egress process: tells it each company's list, and hands it what listens for a company.

What listens is kept here as well, so that a new egress process takes over from one that was killed; only connections
that were open then are lost.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from reelkeep.companies.destinations import Destination
from reelkeep.ids import CompanyId, new_id
from reelkeep.supervisor.linked import Linked

SOCKETS: Final = 2  # that a company's process brings: isolation.network.leave_network
_SEND_SECONDS: Final = 1.0  # the messages are small, and there is room for hundreds


class WayOut:
    """The ways out of all companies' processes. Belongs to one event loop."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._lists: dict[CompanyId, Mapping[str, Any]] = {}
        self._listening: dict[str, tuple[CompanyId, Sequence[socket.socket]]] = {}
        self._following: set[asyncio.Task[None]] = set()

    def attach(self, control: socket.socket) -> None:
        """Speak to this egress process from now on; it learns all that its predecessor knew."""
        self.detach()
        control.settimeout(_SEND_SECONDS)
        self._control = control
        for company_id in self._lists:
            self._send_list(company_id)
        for process, (company_id, sockets) in self._listening.items():
            self._send_sockets(process, company_id, sockets)

    def detach(self) -> None:
        """Speak to nobody; an egress process that hears that ends."""
        if self._control is not None:
            self._control.close()
            self._control = None

    def allow(self, company_id: CompanyId, listed: Collection[Destination], database: Destination | None) -> None:
        """Have processes of a company connect to these from now on, and to nothing else."""
        told = {
            "destinations": [[each.host, each.port] for each in listed],
            "database": [database.host, database.port] if database else None,
        }
        if self._lists.get(company_id) != told:
            self._lists[company_id] = told
            self._send_list(company_id)

    def forget(self, company_id: CompanyId) -> None:
        """Have the company's processes connect to nothing any more."""
        self.allow(company_id, (), None)
        del self._lists[company_id]

    def open(self, company_id: CompanyId, linked: Linked) -> None:
        """Let a process out that has brought its sockets, until it ends."""
        process = new_id()
        self._listening[process] = company_id, linked.brought
        self._send_sockets(process, company_id, linked.brought)
        task = asyncio.create_task(self._follow(process, linked))
        self._following.add(task)
        task.add_done_callback(self._following.discard)

    async def _follow(self, process: str, linked: Linked) -> None:
        await linked.child.ended()
        for each in self._listening.pop(process)[1]:
            each.close()
        self._send({"do": "close", "process": process})

    def _send_list(self, company_id: CompanyId) -> None:
        self._send({"do": "allow", "company": company_id, **self._lists[company_id]})

    def _send_sockets(self, process: str, company_id: CompanyId, sockets: Sequence[socket.socket]) -> None:
        self._send({"do": "listen", "company": company_id, "process": process}, sockets)

    def _send(self, message: Mapping[str, Any], sockets: Sequence[socket.socket] = ()) -> None:
        if self._control is None:
            return
        try:
            socket.send_fds(self._control, [json.dumps(message).encode()], [each.fileno() for each in sockets])
        except OSError:  # it has ended, or hangs and will end now: its successor learns all
            self.detach()
