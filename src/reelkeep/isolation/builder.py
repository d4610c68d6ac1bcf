"""Builds codecs' sandboxes for a job process, which is confined itself and may not: a process beside it, on a socket.

It is exec'd by the job before the job holds anything, holds no secret, and takes three orders: start a codec with so
much memory, have one ready before it is asked for, and end it. What it starts is fixed; a carrier that was taken over
gets the same sandbox with the same program in it.

It ends when its job has ended, which the socket tells it, and ends the codec first. The kernel's death signal would
leave it no time to: what it kills while it is being built has to be killed as a whole (``sandbox.CodecProcess``).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reelkeep.errors import DependencyError, IsolationError, ReelkeepError
from reelkeep.isolation.channel import Channel
from reelkeep.isolation.sandbox import CodecProcess, Limits, printable_words, start_codec

MAX_DATA_BYTES: Final = 64 << 30  # more than any original needs: media.MediaLimits
_MAX_ORDER_BYTES: Final = 4_096
_SOCKETS: Final = 2  # of a codec: its channel, and the pipe with its last words


class Builder:
    """A job process's end. Thread-safe: who stops a job ends its codec. A job that ends need not close it."""

    def __init__(self, sock: socket.socket, process: subprocess.Popen[bytes] | None = None) -> None:
        self._socket, self._process = sock, process
        self._lock = threading.Lock()  # one order at a time

    @classmethod
    def exec(cls, *, insecure: bool = False) -> Builder:
        """Start the builder; call it while this process may still do all that a sandbox needs.

        Args:
            insecure: codecs are plain children; for a demo on a machine that cannot build the sandbox.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        options = ["--fd", str(theirs.fileno()), *(["--insecure"] if insecure else [])]
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-m", "reelkeep.isolation.builder", *options],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        return cls(ours, process)

    def close(self) -> None:
        """End the builder, and a codec that it still has."""
        self._socket.close()
        if self._process is not None:
            self._process.wait()

    def prepare(self, limits: Limits) -> None:
        """Have a codec started that the next ``start`` with the same limits is given; does not wait for it."""
        with self._lock, contextlib.suppress(OSError):  # it has ended: ``start`` says so
            self._socket.sendall(json.dumps({"do": "prepare", "data_bytes": limits.data_bytes}).encode())

    def start(self, limits: Limits) -> BuiltCodec:
        """Start the codec; one that was started before is ended.

        Raises:
            IsolationError: the sandbox cannot be built.
            DependencyError: the builder, or the codec, was killed meanwhile.
        """
        descriptors = self._order({"do": "start", "data_bytes": limits.data_bytes})
        if len(descriptors) != _SOCKETS:
            raise DependencyError("the codec was killed while it was being started")
        return BuiltCodec(self, Channel(socket.socket(fileno=descriptors[0])), descriptors[1])

    def end_codec(self) -> None:
        """Have the codec ended, and all that it held freed."""
        self._order({"do": "end"})

    def _order(self, order: Mapping[str, Any]) -> Sequence[int]:
        with self._lock:
            try:
                self._socket.sendall(json.dumps(order).encode())
                answer, descriptors, _, _ = socket.recv_fds(
                    self._socket, _MAX_ORDER_BYTES, _SOCKETS, socket.MSG_CMSG_CLOEXEC
                )
            except OSError:
                answer, descriptors = b"", []
        if not answer:
            raise DependencyError("the process that builds the codec's sandbox has ended")
        told = json.loads(answer)
        if (message := told.get("message")) is not None:
            kind = IsolationError if told["is_isolation"] else DependencyError
            raise kind(message, advice=told["advice"])
        return descriptors


class BuiltCodec:
    """A running codec, started by the builder. Close it with ``kill`` in every case."""

    def __init__(self, builder: Builder, channel: Channel, words: int) -> None:
        self.channel = channel
        self._builder, self._words = builder, words
        self._lock = threading.Lock()

    def last_words(self) -> str:
        """What the codec wrote to its standard error; hostile, so only printable characters are kept."""
        return printable_words(self._words)

    def kill(self) -> None:
        """End the codec at once. May be called twice, and by another thread than the one that talks with it."""
        with self._lock:
            if self._words < 0:
                return
            with contextlib.suppress(DependencyError):  # the builder has ended, and the codec with it
                self._builder.end_codec()
            self.channel.close()
            os.close(self._words)
            self._words = -1

    def __enter__(self) -> BuiltCodec:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


class _Building:
    """The builder's own end."""

    def __init__(self, sock: socket.socket, *, insecure: bool) -> None:
        self._socket, self._insecure = sock, insecure
        self._codec: CodecProcess | None = None
        self._prepared: tuple[int, CodecProcess] | None = None  # with its limit; nobody has it yet

    def serve(self) -> None:
        """Carry out orders until nobody is there to give any."""
        try:
            with contextlib.suppress(ConnectionError):  # it was killed, with an answer on its way
                while order := self._socket.recv(_MAX_ORDER_BYTES):
                    self._carry_out(json.loads(order))
        finally:
            self._end()

    def _carry_out(self, order: Mapping[str, Any]) -> None:
        self._end_codec()
        if (what := order.get("do")) not in ("start", "prepare"):
            return self._answer({})
        data_bytes = order.get("data_bytes")
        if type(data_bytes) is not int or not 0 < data_bytes <= MAX_DATA_BYTES:
            raise IsolationError("a codec was ordered with a limit that is none")
        if what == "prepare":
            return self._prepare(data_bytes)
        try:
            self._codec = codec = self._taken(data_bytes) or self._started(data_bytes)
        except ReelkeepError as error:
            is_isolation = isinstance(error, IsolationError)
            return self._answer({"message": error.message, "advice": error.advice(), "is_isolation": is_isolation})
        self._answer({}, [codec.channel.fileno(), codec.words_fileno()])
        return codec.channel.close()  # the job's now: its end must be seen when the codec has ended

    def _started(self, data_bytes: int) -> CodecProcess:
        return start_codec(insecure=self._insecure, limits=Limits(data_bytes=data_bytes))

    def _prepare(self, data_bytes: int) -> None:
        self._end_prepared()
        with contextlib.suppress(ReelkeepError):  # whoever wants it tries again, and is told
            self._prepared = data_bytes, self._started(data_bytes)

    def _taken(self, data_bytes: int) -> CodecProcess | None:
        """Return the codec that was prepared, if it has this limit and runs; it is used once."""
        prepared, self._prepared = self._prepared, None
        if prepared is None:
            return None
        limit, codec = prepared
        if limit == data_bytes and codec.is_running():
            return codec
        codec.kill()
        return None

    def _end(self) -> None:
        self._end_codec()
        self._end_prepared()

    def _end_codec(self) -> None:
        if self._codec is not None:
            self._codec.kill()
            self._codec = None

    def _end_prepared(self) -> None:
        if self._prepared is not None:
            self._prepared[1].kill()
            self._prepared = None

    def _answer(self, answer: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
        socket.send_fds(self._socket, [json.dumps(answer).encode()], list(descriptors))


def main() -> None:
    """Serve the job that started this process until it ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--insecure", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a job ends in order, and its builder after it
    sock = socket.socket(fileno=options.fd)
    sock.set_inheritable(False)
    _Building(sock, insecure=options.insecure).serve()


if __name__ == "__main__":
    main()
