"""The step before bubblewrap, run as a script of its own: ``enter.py PLAN_FD``. Standard library only.

Limits the process and, when it is root, gives it a host user of its own: run by root, bubblewrap would keep host
user 0 even with ``--uid``. That user may see nothing of a home directory, so root first binds every source to a
neutral place in a private mount namespace. Then it becomes bubblewrap; nothing of this script is left.
"""

import ctypes
import json
import os
import resource
import signal
import stat
import sys

_CLONE_NEWNS = 0x00020000  # <linux/sched.h>
_MS_NOSUID, _MS_NODEV, _MS_BIND, _MS_REC, _MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18  # <linux/mount.h>
_PR_SET_PDEATHSIG = 1
STAGE = "/tmp"  # noqa: S108 - covered with an empty file system in a mount namespace of our own

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def _mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    arguments = [text.encode() if text is not None else None for text in (source, target, kind)]
    data = options.encode() if options else None
    _checked(_libc.mount(*arguments, ctypes.c_ulong(flags), data), f"mount on {target}")


def stage(sources: list[str]) -> list[str]:
    """Bind every source below a fresh ``STAGE`` and return the new paths in the same order."""
    _checked(_libc.unshare(_CLONE_NEWNS), "a mount namespace of its own")
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    opened = [os.open(source, os.O_PATH | os.O_CLOEXEC) for source in sources]
    _mount("tmpfs", STAGE, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755,size=1m")
    staged = []
    for source, fd in zip(sources, opened, strict=True):
        # The whole path is kept below the stage: a program finds libraries beside itself.
        target = STAGE + source
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            os.makedirs(target, mode=0o755, exist_ok=True)
        elif not os.path.lexists(target):
            # What is there already is the host's own file, bound before: it must not be opened for writing, and
            # cannot be while a program that it loads is starting.
            os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        _mount(f"/proc/self/fd/{fd}", target, None, _MS_BIND | _MS_REC)
        staged.append(target)
        os.close(fd)
    return staged


def become(uid: int) -> None:
    """Give up root for good; afterwards no capability is left on the host."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    if os.getuid() == 0 or os.geteuid() == 0:
        raise PermissionError("root was not given up")


def stand_back() -> None:
    """Have the session that was begun for this sandbox stand back as far as this process does.

    The same as in priority.py, which cannot be imported here; what the kernel is too busy to take is let go.
    """
    if niceness := os.nice(0):
        try:
            with open("/proc/self/autogroup", "w", encoding="ascii") as group:
                group.write(str(niceness))
        except OSError:
            pass


def main(plan_fd: int) -> None:
    """Carry out the plan of sandbox.py and turn into bubblewrap."""
    with os.fdopen(plan_fd, "rb") as file:
        plan = json.load(file)
    os.umask(0o022)
    stand_back()
    program, sources = plan["bubblewrap"], [source for source, _ in plan["binds"]]
    if plan["uid"] is not None:
        staged = stage([*plan["bubblewrap_needs"], *sources])[len(plan["bubblewrap_needs"]) :]
        program = STAGE + program if plan["bubblewrap_needs"] else program
        sources = staged
    for name, value in plan["limits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
        score.write("1000")  # a file that blows up memory ends its own codec, and nobody's database
    if plan["uid"] is not None:
        become(plan["uid"])
    # After the change of user, which clears the setting; the parent may have died in between.
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "die with parent")
    if os.getppid() != plan["parent_pid"]:
        return
    binds = [
        word
        for source, (_, target) in zip(sources, plan["binds"], strict=True)
        for word in ("--ro-bind", source, target)
    ]
    os.execve(program, ["bwrap", *plan["before"], *binds, *plan["after"]], {})  # noqa: S606 - that is what it is for


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except OSError as problem:
        sys.exit(f"enter: {problem}")
