"""A whole job on the real platform writes no byte to a disk: carrier, codec and media process, watched while they work.

Two independent witnesses. strace, from the first instruction, lists every call that opens for writing, writes to a
file, makes or changes a name, or maps a file writable and shared. The kernel's own count, ``write_bytes`` of
/proc/<pid>/io, is what a process has caused to be sent to a storage device: pages of files that it made dirty, also by
mapping or by io_uring, and direct writes. It counts no tmpfs and no memfd, and no page that is swapped out, so
``VmSwap`` is looked at on its own. It also counts pages of the file system's own, such as an inode whose access time
changes when a module is read, so a few pages are let pass; the media of one run is a hundred times as much.

The one open file of a job is the supervisor's own stderr, where the operator may have put a file. It gets lines of
text, and a dead codec may add one line of 200 printable characters at most.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.isolation.traces import Trace, Watch, Watched, traced, traces
from tests.media.clips import strip_clip
from tests.services.installation import wait_until
from tests.services.platform import Platform, running_platform

import reelkeep
from reelkeep.isolation.view import INTERPRETER
from reelkeep.transcode.carrier import MAX_REASON_CHARACTERS
from reelkeep.transfer import network

pytestmark = [
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing (Debian: apt install strace)"),
    pytest.mark.skipif(os.geteuid() != 0, reason="looks into undumpable processes: root only"),
]

FRAMES = 144
INODES_BYTES = 64 << 10  # sixteen pages with inodes
CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")


@dataclass
class Run:
    """One version made into a proxy while it was watched."""

    version_id: str
    carrier: Watched
    codec: Watched
    before: set[Path]
    platform: Platform

    @property
    def folder(self) -> Path:
        return self.platform.data.parent / "traces"

    def job_traces(self) -> list[Trace]:
        return [trace for trace in traces(self.folder, "job") if trace.path not in self.before]

    def trace_of(self, watched: Watched) -> Trace:
        return Trace(self.folder / f"job.{watched.pid}")


def the_process(platform: Platform, is_it: Callable[[list[str]], bool]) -> int:
    """Wait until there is such a process below the supervisor, and return its pid."""
    return wait_until(lambda: next((pid for pid, line in platform.processes().items() if is_it(line)), None), 30)


def is_carrier(line: list[str]) -> bool:
    return "reelkeep.runner.job_process" in line and "strace" not in line[0]


def is_media(line: list[str]) -> bool:
    return "reelkeep.web.media_process" in line and "strace" not in line[0]


def is_codec(line: list[str]) -> bool:
    return line[:1] == [INTERPRETER]  # a process that is ending has no line any more


@pytest.fixture(scope="module")
def traced_platform() -> Iterator[Platform]:
    with running_platform(("-m", "tests.isolation.traced_up")) as platform:
        yield platform


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return strip_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", FRAMES, width=1280, height=720, sound="aac")


def start(platform: Platform, clip: Path, watch: Watch) -> Run:
    # Whoever looks for another job after the last one has a codec as well, and ends.
    wait_until(lambda: not any(map(is_carrier, platform.processes().values())))
    before = {trace.path for trace in traces(platform.data.parent / "traces", "job")}
    version_id = platform.upload(clip).version_id
    carrier = watch.add(the_process(platform, is_carrier))
    codec = watch.add(the_process(platform, is_codec))
    before.discard(platform.data.parent / "traces" / f"job.{carrier.pid}")  # it was there, and stood ready
    return Run(version_id, carrier, codec, before, platform)


@pytest.fixture(scope="module")
def whole_run(traced_platform: Platform, clip: Path) -> Run:
    with Watch() as watch:
        run = start(traced_platform, clip, watch)
        traced_platform.wait_for(run.version_id, "ready")
        traced_platform.await_gone([run.carrier.pid])
    return run


def control(tmp_path: Path, code: str, **options: object) -> list[Trace]:
    """Run a few lines of Python under the same trace."""
    program = traced([sys.executable, "-I", "-B", "-c", code], tmp_path / "control")
    subprocess.run(program, cwd=tmp_path, check=False, **options)  # type: ignore[call-overload]
    wait_until(lambda: any(re.search(r"\+\+\+ (exited|killed)", line) for line in traces(tmp_path, "control")[0].lines))
    return traces(tmp_path, "control")


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("open('made', 'w').write('x')", "write"),
        ("open('made', 'ab')", "openat"),
        ("import os; os.open('made', os.O_CREAT)", "openat"),
        ("import os; os.write(os.dup(os.open('there', os.O_RDWR)), b'x')", "write"),
        ("import os; os.rename('there', 'made')", "rename"),
        ("import os; os.mkdir('made')", "mkdir"),
        ("import os; os.symlink('there', 'made')", "symlink"),
        ("import os; os.truncate('there', 9)", "truncate"),
        ("import os; os.sendfile(os.open('made', os.O_CREAT | os.O_RDWR), os.open('there', 0), 0, 4)", "sendfile"),
        ("import mmap; f = open('there', 'r+b'); mmap.mmap(f.fileno(), 4)[0] = 1", "mmap"),
        ("import subprocess; subprocess.run(['/bin/sh', '-c', 'echo x > made'])", "write"),
        ("import threading as t; a = t.Thread(target=open, args=('made', 'w')); a.start(); a.join()", "openat"),
    ],
)
def test_the_trace_sees_every_way_to_write(tmp_path: Path, code: str, call: str) -> None:
    (tmp_path / "there").write_bytes(b"four")
    found = [write for trace in control(tmp_path, code) for write in trace.disk_writes()]
    assert call in {write.call for write in found}, found
    assert all(write.where.startswith(("made", "there", str(tmp_path))) for write in found)


def test_the_trace_takes_memory_and_pipes_for_no_disk(tmp_path: Path) -> None:
    code = (
        "import os; os.write(os.memfd_create('x'), b'x'); a, b = os.pipe(); os.write(b, b'x'); open('/dev/null', 'w')"
    )
    assert [write for trace in control(tmp_path, code) for write in trace.disk_writes()] == []


def test_the_looks_see_a_process_that_writes() -> None:
    code = (
        "import mmap, os, sys; f = open('made', 'w+b'); f.write(bytes(1 << 20)); f.flush(); os.fsync(f.fileno())\n"
        "m = mmap.mmap(f.fileno(), 4096); m[0] = 1; print('ready', flush=True); sys.stdin.read()"
    )
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # on a disk, where /tmp may be a tmpfs
        command = [sys.executable, "-I", "-c", code]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, cwd=folder, **pipes) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            seen = Watched(writer.pid)
            seen.look()
            writer.communicate()
    assert seen.write_bytes >= 1 << 20
    assert seen.shared_files == seen.open_files == {f"{folder}/made"}


def test_carrier_and_codec_make_no_call_that_could_reach_a_disk(whole_run: Run) -> None:
    made = whole_run.job_traces()
    programs = {program.rpartition("/")[2] for trace in made for program in trace.programs}
    assert {"bwrap", "python3.11" if INTERPRETER.endswith("3.11") else Path(INTERPRETER).name} <= programs
    assert whole_run.trace_of(whole_run.codec).programs[-1] == INTERPRETER  # the codec itself is among them
    assert [write for trace in made for write in trace.disk_writes()] == []


def test_what_the_sandbox_is_built_in_is_not_the_hosts_tmp(whole_run: Run) -> None:
    """The scaffold of enter.py and bubblewrap, which the trace shows, is in a tmpfs that no other process can see."""
    assert any(line.startswith("mkdir") for trace in whole_run.job_traces() for line in trace.lines)
    assert not [name for name in ("newroot", "oldroot", "usr", "root") if Path("/tmp", name).exists()]


def test_the_kernel_counts_no_byte_of_carrier_and_codec(whole_run: Run, clip: Path) -> None:
    assert clip.stat().st_size > 100 * INODES_BYTES
    for watched in (whole_run.carrier, whole_run.codec):
        assert watched.looks > 10
        assert watched.write_bytes <= INODES_BYTES


def test_nothing_is_swapped_and_no_file_is_mapped_or_open_for_writing(whole_run: Run) -> None:
    log = str(whole_run.platform.data.parent / "up.log")
    for watched in (whole_run.carrier, whole_run.codec):
        assert watched.swapped_kb == 0
        assert watched.shared_files == set()
    assert whole_run.carrier.open_files == {log}  # stdout and stderr are the supervisor's
    assert whole_run.codec.open_files == set()


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_MEMLOCK)[1] != resource.RLIM_INFINITY,
    reason="the machine limits how much memory may be locked: a job then leaves it (isolation.hygiene)",
)
def test_the_memory_of_a_carrier_is_locked(whole_run: Run) -> None:
    assert whole_run.carrier.locked_kb > 0


def test_carrier_and_codec_can_leave_no_core(whole_run: Run) -> None:
    for watched in (whole_run.carrier, whole_run.codec):
        assert watched.core_limits == {"1 1"} or {limit.split()[0] for limit in watched.core_limits} <= {"0", "1"}
        assert whole_run.trace_of(watched).is_closed()


def test_a_job_process_does_not_even_write_compiled_code(traced_platform: Platform, clip: Path) -> None:
    """One that is started while modules are not compiled imports them all and keeps none.

    Whether the files are there again afterwards says nothing: other tests run beside this one.
    """
    compiled = list(Path(reelkeep.__path__[0], "__pycache__").glob("pipeline.*.pyc"))
    assert compiled
    for path in compiled:
        path.unlink()
    before = {trace.path for trace in traces(traced_platform.data.parent / "traces", "job")}
    (empty := clip.with_name("text.mp4")).write_text("a shopping list\n" * 100)
    traced_platform.wait_for(traced_platform.upload(empty).version_id, "failed")
    made = [trace for trace in traces(traced_platform.data.parent / "traces", "job") if trace.path not in before]
    assert any(INTERPRETER in trace.programs for trace in made)
    assert [write for trace in made for write in trace.disk_writes()] == []


def test_a_crashed_codec_leaves_no_core_and_one_line_of_text(
    traced_platform: Platform, clip: Path, tmp_path: Path
) -> None:
    if CORE_PATTERN.read_text().strip():
        crash = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
        lines = control(tmp_path, crash, preexec_fn=unlimited_cores)[0].lines
        assert lines[-1] == "+++ killed by SIGSEGV (core dumped) +++"  # where cores are left, the trace says so
    log = traced_platform.data.parent / "up.log"
    said = log.stat().st_size
    with Watch() as watch:
        run = start(traced_platform, clip, watch)
        traced_platform.wait_for(run.version_id, "processing", "playable")
        os.kill(run.codec.pid, signal.SIGSEGV)
        wait_until(lambda: run.trace_of(run.codec).lines[-1].startswith("+++ killed"))
        traced_platform.wait_for(run.version_id, "ready")  # another codec goes on where it stopped
        traced_platform.await_gone([run.carrier.pid])
    assert run.trace_of(run.codec).lines[-1] == "+++ killed by SIGSEGV +++"
    written = [write for trace in run.job_traces() for write in trace.disk_writes()]
    assert {(write.call, write.where) for write in written} == {("write", str(log))}
    assert all(int(write.line.rpartition("=")[2]) <= MAX_REASON_CHARACTERS + 100 for write in written)
    words = log.read_bytes()[said:].decode("ascii").splitlines()
    assert [
        line for line in words if re.fullmatch(r"reelkeep.transcode.carrier: the codec ended early: [ -~]{1,200}", line)
    ], words
    assert all(re.fullmatch(r"[ -~]{0,300}", line) for line in words), words


def unlimited_cores() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def test_the_media_process_keeps_segments_in_memory_files_and_writes_nothing(whole_run: Run) -> None:
    platform = whole_run.platform
    pid, sent_bytes = the_process(platform, is_media), 0
    with platform.api() as api, network.client() as client, Watch() as watch:
        media = watch.add(pid)
        session = api.playback_session(whole_run.version_id)
        for number in range(4):
            answer = client.get(f"{session['base']}/v360/{number}.m4s")
            assert (answer.status_code, answer.content[4:8] in (b"styp", b"moof")) == (200, True)
            sent_bytes += len(answer.content)
        wait_until(lambda: media.memory_files and media.looks > 5)
    assert any("segment" in name for name in media.memory_files)
    assert sent_bytes > 2 * INODES_BYTES >= 2 * media.write_bytes
    assert (media.swapped_kb, media.shared_files) == (0, set())
    assert media.open_files <= {str(platform.data.parent / "up.log")}
    written = [write for trace in traces(whole_run.folder, "media") for write in trace.disk_writes()]
    # The event loop's ring only batches epoll_ctl(2): no kernel thread (SQPOLL); write_bytes above counts rings, too.
    assert {write.call for write in written} <= {"io_uring_setup"}
    assert not [write for write in written if "SQPOLL" in write.where.partition("features")[0]]
    assert Trace(whole_run.folder / f"media.{pid}").is_closed()


@pytest.mark.slow
@pytest.mark.skipif(
    os.environ.get("RKTEST_DISPOSABLE") != "1",
    reason="changes the kernel's core handler for the whole machine: root on a disposable one (RKTEST_DISPOSABLE=1)",
)
def test_not_even_a_piped_core_handler_gets_a_byte(traced_platform: Platform, clip: Path, tmp_path: Path) -> None:
    """A handler ignores a limit of 0 but not one of 1 (core(5)), and gets nothing of an undumpable process."""
    handler, caught = tmp_path / "handler", tmp_path / "caught"
    handler.write_text(f"#!/bin/sh\ncat > {caught}.$1\n")
    handler.chmod(0o755)
    before = CORE_PATTERN.read_text()
    CORE_PATTERN.write_text(f"|{handler} %P\n")
    try:
        victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        time.sleep(0.5)
        victim.send_signal(signal.SIGSEGV)
        victim.wait()
        wait_until(lambda: Path(f"{caught}.{victim.pid}").stat().st_size)  # the handler works
        with Watch() as watch:
            run = start(traced_platform, clip, watch)
            traced_platform.wait_for(run.version_id, "processing", "playable")
            for pid in (run.codec.pid, run.carrier.pid):
                os.kill(pid, signal.SIGSEGV)
            traced_platform.await_gone([run.codec.pid, run.carrier.pid])
            time.sleep(1)
        assert [path.name for path in tmp_path.glob("caught.*")] == [f"caught.{victim.pid}"]
    finally:
        CORE_PATTERN.write_text(before)
