"""The entry of the egress process: ``python -m reelkeep.egress.egress_process --link-fd N``. Holds no secret.

The supervisor hands it what listens in the networks of companies' processes, on a socket that it alone has the other
end of. So who asks is known from the socket on which a connection came in; no message says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any, Final

import uvloop

from reelkeep.companies.destinations import Destination
from reelkeep.companies.link import SupervisorLink
from reelkeep.egress.company import CompanyEgress
from reelkeep.egress.judgement import Judgement
from reelkeep.egress.refusals import Refusals
from reelkeep.isolation.confine import confine
from reelkeep.isolation.descriptors import MAX_SOCKETS
from reelkeep.isolation.limits import allow_descriptors

REPORT_SECONDS: Final = 1.0
MAX_MESSAGE_BYTES: Final = 128 << 10  # a list of 256 names
_DESCRIPTORS: Final = 65_536  # two for each connection
_UNPACED: Final = b"reno"  # tcp(7); BBR, where it is the usual one, sets timers even for what stays in the machine
_PAUSE_SECONDS: Final = 0.1  # when there is no descriptor for another connection


class Egress:
    """The ways out of all companies.

    Args:
        control: brings lists and listening sockets from the supervisor, one message each.
        networks: private ones that the operator named.
    """

    def __init__(self, control: socket.socket, networks: list[str]) -> None:
        self.refusals = Refusals()
        self._control = control
        self._networks = [ip_network(each) for each in networks]
        self._companies: dict[str, CompanyEgress] = {}
        self._listening: dict[str, list[socket.socket]] = {}  # by process
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()

    def begin(self, stop: asyncio.Event) -> None:
        """Hear the supervisor from now on; ``stop`` is set when it speaks to another egress process."""
        self._control.setblocking(False)
        self._stop = stop
        self._loop.add_reader(self._control.fileno(), self._hear)

    def _hear(self) -> None:
        payload, descriptors, _, _ = socket.recv_fds(
            self._control, MAX_MESSAGE_BYTES, MAX_SOCKETS, socket.MSG_CMSG_CLOEXEC
        )
        if not payload:
            self._loop.remove_reader(self._control.fileno())
            return self._stop.set()
        message: Mapping[str, Any] = json.loads(payload)
        sockets = [socket.socket(fileno=each) for each in descriptors]
        match message["do"]:
            case "allow":
                self._allow(message)
            case "listen":
                self._listen(message["company"], message["process"], sockets)
            case "close":
                self._close(message["process"])
        return None

    def _of(self, company_id: str) -> CompanyEgress:
        if company_id not in self._companies:
            self._companies[company_id] = CompanyEgress(lambda what: self.refusals.count(company_id, what))
        return self._companies[company_id]

    def _allow(self, message: Mapping[str, Any]) -> None:
        listed = [Destination(host, port) for host, port in message["destinations"]]
        database = Destination(*message["database"]) if message["database"] else None
        self._of(message["company"]).allow(Judgement(listed, self._networks), database)

    def _listen(self, company_id: str, process: str, sockets: list[socket.socket]) -> None:
        company = self._of(company_id)
        self._listening[process] = sockets
        for each, is_database in zip(sockets, (False, True), strict=True):
            each.setblocking(False)
            self._loop.add_reader(each.fileno(), self._accept, company, each, is_database)

    def _accept(self, company: CompanyEgress, listener: socket.socket, is_database: bool) -> None:
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            return
        except OSError:  # no descriptor is left: the others go on
            self._loop.remove_reader(listener.fileno())
            self._loop.call_later(_PAUSE_SECONDS, self._accept_again, company, listener, is_database)
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):  # an operator may have taken it away
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, _UNPACED)
        company.take(client, is_database=is_database)

    def _accept_again(self, company: CompanyEgress, listener: socket.socket, is_database: bool) -> None:
        if listener.fileno() >= 0:
            self._loop.add_reader(listener.fileno(), self._accept, company, listener, is_database)

    def _close(self, process: str) -> None:
        for each in self._listening.pop(process, ()):
            self._loop.remove_reader(each.fileno())
            each.close()


async def _main(link: SupervisorLink, control: socket.socket) -> None:
    egress, stop = Egress(control, link.birth()["networks"]), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    egress.begin(stop)
    link.tell("ready")
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), REPORT_SECONDS)
        except TimeoutError:
            for company_id, counts in egress.refusals.taken().items():
                link.tell("refused", company_id=company_id, destinations=counts)


def main() -> None:
    """Run until the supervisor says to end, or is gone."""
    control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    allow_descriptors(_DESCRIPTORS)

    def prepare(birth: Mapping[str, Any]) -> None:
        confine(is_demanded=not birth["insecure_no_sandbox"])

    link = SupervisorLink.from_arguments(prepare=prepare, bring=lambda: [theirs])
    uvloop.run(_main(link, control))


if __name__ == "__main__":
    main()
