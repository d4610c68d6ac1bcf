"""What an app process does once the zygote has forked it: it serves pages and API of one company for life."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from reelkeep.bootstrap import open_company
from reelkeep.companies.link import SupervisorLink
from reelkeep.companies.network_policy import NetworkPolicy, policy_from_fields
from reelkeep.companies.onboarding import Known
from reelkeep.companies.onboarding_steps import Note
from reelkeep.ids import ConnectionId
from reelkeep.web.app import make_app
from reelkeep.web.context import NetworkSeen
from reelkeep.web.serve import born, serve


@dataclass(frozen=True)
class LinkedRegistry:
    """The registry as the supervisor lets this company see it."""

    link: SupervisorLink

    def resume(self, connection_id: ConnectionId) -> None:
        self.link.call("resume", connection_id=connection_id)

    def onboarding(self) -> Known:
        return Known.of(self.link.call("onboarding"))

    def note_step(self, given: Note) -> None:
        self.link.call(
            "note_step", step=given.step.value, state=given.state.value, owner=given.owner, evidence=given.evidence
        )

    def network(self) -> NetworkSeen:
        found = self.link.call("network")
        return NetworkSeen(policy_from_fields(found["network"]), found["refused"])

    def set_network(self, policy: NetworkPolicy | None) -> None:
        self.link.call("set_network", network=policy.as_fields() if policy is not None else None)


def run(link_socket: socket.socket) -> None:
    """Take birth from the supervisor, then serve the company's pages and API until told to stop."""
    birth = born(link_socket, __name__)
    company = open_company(birth.link, birth.fields)
    serve(company, make_app(company, LinkedRegistry(birth.link)), birth.handover, birth.link)
