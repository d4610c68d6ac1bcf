"""Free ports: two who look for some at the same time do not find the same ones."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from reelkeep.errors import DependencyError
from reelkeep.supervisor import ports

_TAKE = "from reelkeep.supervisor import ports; ports._FIRST, ports._LAST = {}; print(ports.free_ports(1)); input()"


def test_a_port_that_another_process_was_given_is_not_free_until_that_one_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = ports.free_ports(1)
    monkeypatch.setattr(ports, "_FIRST", port)
    monkeypatch.setattr(ports, "_LAST", port + 1)
    os.close(ports._claims.pop())
    line = [sys.executable, "-c", _TAKE.format((port, port + 1))]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == f"[{port}]\n".encode()
        with pytest.raises(DependencyError, match="too few"):
            ports.free_ports(1)
        other.stdin.close()
        other.wait(10)
    assert ports.free_ports(1) == [port]
    with pytest.raises(DependencyError, match="too few"):
        ports.free_ports(1)


def test_a_port_is_taken_while_somebody_listens_and_not_while_a_connection_of_it_lingers() -> None:
    (port,) = ports.free_ports(1)
    with socket.create_server(("127.0.0.1", port)) as listener:
        assert ports.is_taken(port)
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = listener.accept()
        accepted.close()  # this end lingers
        assert client.recv(1) == b""
        client.close()
    with socket.socket() as strict, pytest.raises(OSError, match="in use"):
        strict.bind(("127.0.0.1", port))
    assert not ports.is_taken(port)
