"""The process that builds codecs' sandboxes for a job process, which is confined."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys

import pytest
from tests.isolation.lines import first_child, members_of
from tests.services.installation import wait_until

from reelkeep.errors import DependencyError
from reelkeep.isolation.builder import Builder
from reelkeep.isolation.channel import ChannelClosed
from reelkeep.isolation.sandbox import Limits


def test_a_codec_is_started_in_its_sandbox_and_ends_when_it_is_told_to() -> None:
    builder = Builder.exec()
    with contextlib.closing(builder), builder.start(Limits(data_bytes=1 << 30)) as codec:
        assert codec.last_words() == ""
        codec.channel.limit(30.0)
        second = builder.start(Limits(data_bytes=1 << 30))  # takes the place of the first
        with pytest.raises(ChannelClosed):
            codec.channel.receive()
        second.kill()
        second.kill()  # a second time does no harm


@pytest.mark.parametrize(
    "order", [{"do": "start", "data_bytes": 1 << 60}, {"do": "start", "data_bytes": "1"}, {"do": "start"}, []]
)
def test_an_order_that_is_none_ends_the_builder_and_starts_nothing(order: object) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-I", "-B", "-m", "reelkeep.isolation.builder", "--fd", str(theirs.fileno())]
    with subprocess.Popen(command, pass_fds=[theirs.fileno()]) as process:
        theirs.close()
        ours.sendall(json.dumps(order).encode())
        assert process.wait(20) != 0
        assert ours.recv(1_000) == b""
        ours.close()


def test_a_job_that_is_killed_while_its_sandbox_is_built_leaves_no_process_behind() -> None:
    code = (
        "from reelkeep.isolation.builder import Builder; from reelkeep.isolation.sandbox import Limits\n"
        "import time; Builder.exec().start(Limits()); time.sleep(60)"  # on a busy machine it is killed later
    )
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", code]) as job:
            entering = first_child(first_child(job.pid), of_programs=(b"/enter.py", b"bwrap"))  # it becomes the second
            first_child(entering)
            job.kill()
        assert job.returncode == -signal.SIGKILL
        wait_until(lambda group=entering: not members_of(group), seconds=30)


def test_a_builder_that_is_gone_is_nobodys_fault() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.close()
    builder = Builder(ours)
    with contextlib.closing(builder), pytest.raises(DependencyError):
        builder.start(Limits())
