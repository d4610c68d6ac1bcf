"""What a process could have put on a disk, by its traced system calls and by what /proc says of it.

Seen: opens for writing, writes to open files, names made or changed, writable shared mappings, disk rings. What strace
cannot see are operations inside an io_uring, so a ring counts as a write here and its owner has to explain it.
Not on a disk: memfd, pipes, sockets, /dev, /proc, and a tmpfs that the process itself has mounted (bubblewrap's and
enter.py's scaffolding, the ways that passage.py opens: those pages belong to no file system with a device behind it).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

CALLS = (
    "open,openat,openat2,creat,write,writev,pwrite64,pwritev,pwritev2,sendfile,splice,tee,vmsplice,copy_file_range,"
    "rename,renameat,renameat2,mkdir,mkdirat,mknod,mknodat,link,linkat,symlink,symlinkat,truncate,ftruncate,fallocate,"
    "mmap,execve,execveat,prctl,mount,io_uring_setup,io_setup,swapon,open_by_handle_at"
)
_LINE = re.compile(r"(?P<call>\w+)\((?P<arguments>.*)\)\s+= (?P<result>-?\w+)(?P<rest>.*)")
_DESCRIPTOR = re.compile(r"\d+<([^>]*)>")
_NAME = re.compile(r'"([^"]*)"')
_FOR_WRITING = re.compile(r"\b(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE)\b")
_WRITING = {"write", "writev", "pwrite64", "pwritev", "pwritev2"}
_BETWEEN = {"sendfile": 0, "splice": 1, "tee": 1, "vmsplice": 0, "copy_file_range": 1}  # which descriptor takes
_NAMING = {"rename", "renameat", "renameat2", "mkdir", "mkdirat", "mknod", "mknodat", "link", "linkat", "symlink",
           "symlinkat", "truncate", "ftruncate", "fallocate"}  # fmt: skip
_ALWAYS = {"io_uring_setup", "io_setup", "swapon", "open_by_handle_at"}
_SCAFFOLD = ("/tmp/", "newroot", "oldroot", "/newroot/", "/oldroot/")


def traced(program: Sequence[str], output: Path) -> list[str]:
    """Return ``program`` under strace from its first instruction; the trace of each thread goes to ``output``.<tid>."""
    strace = shutil.which("strace")
    assert strace is not None, "strace is missing (Debian: apt install strace)"
    options = ["-D", "-ff", "--seccomp-bpf", "-q", "-y", "-s", "0", "-e", f"trace={CALLS}", "-o", str(output)]
    return [strace, *options, *program]


@dataclass(frozen=True)
class DiskWrite:
    call: str
    where: str
    line: str


@dataclass(frozen=True)
class Trace:
    """The trace of one thread."""

    path: Path

    @property
    def lines(self) -> list[str]:
        return self.path.read_text(errors="replace").splitlines()

    @property
    def programs(self) -> list[str]:
        """What it executed, in order."""
        calls = (_LINE.match(line) for line in self.lines)
        return [_NAME.findall(call["arguments"])[0] for call in calls if call and call["call"] == "execve"]

    def disk_writes(self) -> list[DiskWrite]:
        """Return every call that succeeded and could have put a byte or a name on a disk."""
        found: list[DiskWrite] = []
        in_memory: tuple[str, ...] = ()
        for line in self.lines:
            call = _LINE.match(line)
            if call is None or call["result"] == "-1":
                continue
            if (mounted := re.match(r'mount\("tmpfs", "([^"]+)", ', line)) is not None:
                in_memory += _SCAFFOLD if mounted[1] == "/tmp" else (f"{mounted[1]}/",)
            where = _target(call)
            if where is not None and not where.startswith(in_memory):
                found.append(DiskWrite(call["call"], where, line))
        return found

    def is_closed(self) -> bool:
        """Tell whether the last word about dumping was "never", after the last exec, which makes dumpable again."""
        said = [line for line in self.lines if re.match(r"execve\(|prctl\(PR_SET_DUMPABLE", line)]
        return bool(said) and said[-1].startswith("prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE)") and "= 0" in said[-1]


def traces(folder: Path, name: str) -> list[Trace]:
    return [Trace(path) for path in sorted(folder.glob(f"{name}.*"))]


def _target(call: re.Match[str]) -> str | None:
    """Return the file that a call wrote to or made; None if it touched no disk."""
    name, arguments = call["call"], call["arguments"]
    opened = _DESCRIPTOR.findall(arguments)
    if name in ("open", "openat", "openat2", "creat"):
        made = re.match(r"<([^>]*)>", call["rest"])
        return _on_disk(made[1] if made else arguments) if name == "creat" or _FOR_WRITING.search(arguments) else None
    if name in _WRITING:
        return _on_disk(opened[0])
    if name in _BETWEEN:
        return _on_disk(opened[_BETWEEN[name]])
    if name in _NAMING:
        return _on_disk((_NAME.findall(arguments) or opened)[-1])
    if name == "mmap" and "MAP_SHARED" in arguments and "PROT_WRITE" in arguments and opened:
        return _on_disk(opened[0])
    return arguments if name in _ALWAYS else None


def _on_disk(path: str) -> str | None:
    elsewhere = re.match(r"(socket|pipe|anon_inode|/dev/|/memfd:|/proc/)", path)
    return None if elsewhere else path


@dataclass
class Watched:
    """The worst that /proc said of one process while it lived."""

    pid: int
    looks: int = 0
    write_bytes: int = 0
    swapped_kb: int = 0
    locked_kb: int = 0
    core_limits: set[str] = field(default_factory=set)
    shared_files: set[str] = field(default_factory=set)
    open_files: set[str] = field(default_factory=set)  # regular files that are open for writing
    memory_files: set[str] = field(default_factory=set)

    def look(self) -> None:
        """Look once; raise OSError if it has ended."""
        place = Path(f"/proc/{self.pid}")
        self.write_bytes = max(self.write_bytes, int(_field(place / "io", "write_bytes")))
        self.swapped_kb = max(self.swapped_kb, int(_field(place / "status", "VmSwap").split()[0]))
        self.locked_kb = max(self.locked_kb, int(_field(place / "status", "VmLck").split()[0]))
        limit = re.search(r"Max core file size +(\S+ +\S+)", (place / "limits").read_text())
        self.core_limits.add(limit[1] if limit else "?")
        for line in (place / "maps").read_text().splitlines():
            mapped = re.match(r"\S+ .w.s \S+ \S+ (?!0\s)\d+ +(.+)", line)
            if mapped and _on_disk(mapped[1]):
                self.shared_files.add(mapped[1])
        self._look_at_descriptors(place)
        self.looks += 1

    def _look_at_descriptors(self, place: Path) -> None:
        for descriptor in (place / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                target = os.readlink(descriptor)
                flags = int(_field(place / "fdinfo" / descriptor.name, "flags"), 8)
                if target.startswith("/memfd:"):
                    self.memory_files.add(target)
                elif target.startswith("/") and flags & os.O_ACCMODE and _on_disk(target):
                    self.open_files.add(target)


class Watch:
    """Looks at processes, found by ``find``, every few milliseconds, from a thread of its own."""

    def __init__(self, find: Sequence[int] | None = None) -> None:
        self.seen: dict[int, Watched] = {pid: Watched(pid) for pid in find or ()}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def add(self, pid: int) -> Watched:
        return self.seen.setdefault(pid, Watched(pid))

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            for watched in list(self.seen.values()):
                with contextlib.suppress(OSError, StopIteration):
                    watched.look()


def _field(path: Path, name: str) -> str:
    lines = path.read_text().splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:"))
