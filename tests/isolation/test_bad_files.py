"""Hostile: files that lie, burst or name other files, in the real sandbox. The platform stays whole after each."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.media import bad_files, codec_of_many
from tests.media.bad_files import BAD_FILES, ERROR, PROXY
from tests.media.mutations import mutant, seeds

from reelkeep.isolation.channel import BadFrame, ChannelClosed
from reelkeep.isolation.sandbox import CODEC_PACKAGES, CodecProcess, start_codec, start_sandboxed
from reelkeep.isolation.view import Bind
from reelkeep.transcode import protocol
from reelkeep.transcode.problems import unusable

MEMORY_BYTES = 1 << 30  # what small files may make the codec use, whatever they claim
SECONDS = 60.0  # they take half a second; the machine may be busy


@dataclass
class End:
    """How one file ended."""

    problem: protocol.Problem | None
    done: protocol.Done | None
    facts: object
    peak_bytes: int
    seconds: float
    words: str
    pid: int


class _Watch:
    """Looks at the codec's memory, and ends it when its time is over."""

    def __init__(self, codec: CodecProcess) -> None:
        self.peak_bytes = 0
        self.pid = codec.program_pid()
        self._codec = codec
        self._over = threading.Event()
        self.renew()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def renew(self) -> None:
        """Give the next file its own time."""
        self._until = time.monotonic() + SECONDS

    def _run(self) -> None:
        while not self._over.wait(0.02) and time.monotonic() < self._until:
            with contextlib.suppress(OSError):
                self.peak_bytes = max(self.peak_bytes, _peak_bytes(self.pid))
        if not self._over.is_set():
            self._codec._process.kill()

    def end(self) -> None:
        self._over.set()
        self._thread.join()


def _peak_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")), 0)


def end_of(content: bytes, **limits: int) -> End:
    """Serve one file to a sandboxed codec and say how that ended."""
    started = time.monotonic()
    with start_codec() as codec:
        watch = _Watch(codec)
        problem, done, facts = _served(codec, content, **limits)
        watch.end()
        words = codec.last_words()
    return End(problem, done, facts, watch.peak_bytes, time.monotonic() - started, words, watch.pid)


def _served(
    codec: CodecProcess, content: bytes, **limits: int
) -> tuple[protocol.Problem | None, protocol.Done | None, object]:
    """Serve one file and return what was said at its end, and the facts; nothing was if the codec died."""
    problem = done = facts = None
    with contextlib.suppress(ChannelClosed):
        codec.channel.send(protocol.Job(len(content), **limits).message())
        while problem is None and done is None:
            said = protocol.parse_from_codec(codec.channel.receive())
            if isinstance(said, protocol.Read):
                body = content[said.offset : said.offset + said.length]
                codec.channel.send(protocol.Bytes(said.offset, body).message())
            elif isinstance(said, protocol.Probe):
                facts = said.facts
            elif isinstance(said, protocol.Problem):
                problem = said
            elif isinstance(said, protocol.Done):
                done = said
    return problem, done, facts


def _gone(pid: int) -> bool:
    for _ in range(250):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):  # before it is opened, or between that and the read
            return True
        time.sleep(0.02)
    return False


def harmless(end: End) -> None:
    _harmed_nothing(end, end.words)
    assert _gone(end.pid)


def _harmed_nothing(end: End, words: str) -> None:
    assert end.problem or end.done, f"the codec died after {end.seconds:.1f} s: {words[-1500:]}"
    assert end.peak_bytes < MEMORY_BYTES, f"{end.peak_bytes >> 20} MiB"
    if end.problem:
        assert unusable(end.problem.code, end.problem.detail).message.isprintable()
        assert "Traceback" not in words


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_ends_in_a_clear_error_or_a_proxy(name: str) -> None:
    ending, make = BAD_FILES[name]
    end = end_of(make())
    harmless(end)
    if ending == ERROR:
        assert end.problem, end.done
    if ending == PROXY:
        assert end.done, end.problem


@pytest.mark.parametrize("make", [bad_files.mp4, bad_files.mkv, bad_files.mxf], ids=["mp4", "mkv", "mxf"])
def test_a_file_cut_off_anywhere_is_never_taken_for_whole(make: object) -> None:
    whole = make()  # type: ignore[operator]
    for share in (0.001, 0.02, 0.3, 0.6, 0.8):
        end = end_of(whole[: int(len(whole) * share)])
        harmless(end)
        assert end.problem, f"{share} of the file: {end.done}"


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"max_tracks": 64}, "(65 tracks)"),
        ({"max_media_seconds": 1}, "(2 seconds)"),
        ({"max_picture_px": 159 * 90}, "(160 by 90 pixels)"),
    ],
)
def test_a_limit_that_is_set_lower_refuses_in_its_own_words(limit: dict[str, int], words: str) -> None:
    end = end_of(BAD_FILES["64 sounds"][1](), **limit)
    harmless(end)
    assert end.problem
    assert unusable(end.problem.code, end.problem.detail).message.endswith(words)


FUZZ_FILES, SOAK_FILES = 300, 10_000
FILES_A_SANDBOX = 15
MANY = Bind(Path(codec_of_many.__file__), "/packages/codec_of_many.py")


def harm_of_mutants(first: int, count: int) -> list[str]:
    """Run mutants on two threads; return what went wrong with each that did harm."""
    seeds()  # made once, before the threads
    numbers = list(range(first, first + count))
    shares = [numbers[start : start + FILES_A_SANDBOX] for start in range(0, count, FILES_A_SANDBOX)]
    with ThreadPoolExecutor(max_workers=2) as workers:
        return [complaint for complaints in workers.map(_harm_of, shares) for complaint in complaints]


def _harm_of(numbers: list[int]) -> list[str]:
    """Serve these mutants to one sandboxed codec after the other: a new one follows on one that did harm."""
    complaints, waiting = [], list(numbers)
    while waiting:
        with start_sandboxed("codec_of_many", packages=CODEC_PACKAGES, extra=(MANY,)) as codec:
            watch = _Watch(codec)
            while waiting:
                name, content = mutant(number := waiting.pop(0))
                watch.renew()
                started = time.monotonic()
                try:
                    problem, done, facts = _served(codec, content)
                    end = End(problem, done, facts, watch.peak_bytes, time.monotonic() - started, "", watch.pid)
                    _harmed_nothing(end, codec.last_words())
                except (AssertionError, BadFrame) as error:
                    complaints.append(f"mutant {number} of {name}: {str(error).splitlines()[0][:500]}")
                    break
            watch.end()
        assert _gone(watch.pid)
    return complaints


@pytest.mark.timeout(600)
def test_three_hundred_damaged_files_do_no_harm() -> None:
    assert harm_of_mutants(0, FUZZ_FILES) == []


@pytest.mark.slow
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("first", range(FUZZ_FILES, SOAK_FILES, 970))
def test_ten_thousand_damaged_files_do_no_harm(first: int) -> None:
    assert harm_of_mutants(first, min(970, SOAK_FILES - first)) == []
