"""A process of a company that was taken over: it enters by the steps of its role, then makes the attempts it was told.

Web processes are forked by a zygote and jobs are started by exec, as the real ones are. What it got is in "ready", and
of further attempts in its "got".
"""

from __future__ import annotations

import socket
import threading

from tests.isolation.attempts import outcomes

from reelkeep.companies.link import SupervisorLink
from reelkeep.isolation import zygote
from reelkeep.isolation.descriptors import handed_out
from reelkeep.isolation.network import leave_network
from reelkeep.runner import job_process


def fork() -> None:
    """Be the zygote."""
    zygote.main({"app": _web, "media": _web})


def job() -> None:
    _attempt(SupervisorLink.from_arguments(prepare=job_process.confine_job, bring=leave_network))


def _web(link: socket.socket) -> None:
    for handover in handed_out(link):
        handover.close()
    _attempt(SupervisorLink.of_forked(link))


def _attempt(link: SupervisorLink) -> None:
    link.on_push("again", lambda fields: link.tell("got", **outcomes(fields["attempts"])))
    link.tell("ready", **outcomes(link.birth()["attempts"]))
    threading.Event().wait()
