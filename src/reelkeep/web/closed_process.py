"""What a process in reduced mode does once the zygote has forked it: it tells visitors of one company why, for life.

It is born with the certificate of its host name and the reason why the site is closed, and with no other secret.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from reelkeep.companies.company_states import Closure
from reelkeep.web.closed import closed_application
from reelkeep.web.serve import born, serve


@dataclass(frozen=True)
class _Named:
    slug: str


def run(link_socket: socket.socket) -> None:
    """Take birth from the supervisor, then tell visitors why the site is closed, until told to stop."""
    birth = born(link_socket, __name__)
    company, closure = _Named(birth.fields["company"]["slug"]), Closure(**birth.fields["closure"])
    serve(company, closed_application(closure), birth.handover, birth.link)
