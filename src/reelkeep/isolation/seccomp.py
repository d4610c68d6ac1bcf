"""The system calls a sandboxed program may make; every other call fails with EPERM.

Two filters for the codec, as allow-lists. The first is loaded by bubblewrap just before exec, so it must let Python
start: it opens files and allows one kind of exec. The second is loaded by the program itself before the first foreign
byte arrives and takes away opening files, exec, process limits, and executable memory. Neither knows sockets other than
the inherited one, ptrace, mount, namespaces, keys, bpf, io_uring, signals to others, or new processes (threads only).

A third is for the processes that speak to strangers or serve a company, as a list of what they are refused: they use
large libraries, whose calls nobody can list, and need no other process, no other program, and none of the kernel's
rarer doors.

Compiled by libseccomp (seccomp_export_bpf(3)) through the package pyseccomp.
"""

from __future__ import annotations

import errno
import functools
import os
from typing import Any, Final

from reelkeep.errors import IsolationError

_CLONE_THREAD: Final = 0x00010000  # <linux/sched.h>
_CLONE_NEW_ANY: Final = 0x7E020000 | 0x00000080  # every CLONE_NEW* flag
_PROT_EXEC: Final = 4
_AT_EMPTY_PATH: Final = 0x1000
_PR_SET_NAME: Final = 15
_PR_SET_VMA: Final = 0x53564D41  # glibc and jemalloc name their memory

# What a running codec needs: the inherited descriptors, memory, threads, time.
_RUNNING: Final = (
    "read", "readv", "write", "writev", "recvfrom", "recvmsg", "sendto", "sendmsg", "shutdown", "close",
    "fstat", "lseek", "poll", "ppoll", "fcntl",
    "brk", "munmap", "mremap", "madvise",
    "futex", "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "sched_yield", "sched_getaffinity",
    "membarrier", "exit", "exit_group", "restart_syscall",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "gettid", "getpid", "getppid", "tgkill",
    "getuid", "geteuid", "getgid", "getegid",
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times", "getrusage",
    "sysinfo", "uname", "getcpu", "getrandom", "getrlimit",
)  # fmt: skip
# What the start needs besides: bubblewrap's own end, the dynamic loader, Python's imports, hardening.
_STARTING: Final = (
    "execve", "open", "openat", "access", "faccessat", "faccessat2", "stat", "lstat", "newfstatat", "statx", "statfs",
    "fstatfs", "readlink", "readlinkat", "getdents64", "getcwd", "pread64", "ioctl", "dup", "dup2", "dup3",
    "arch_prctl", "prctl", "seccomp", "prlimit64", "setrlimit", "mlockall", "mmap", "mprotect", "wait4",
    "getsockname", "getpeername", "getsockopt", "setsockopt", "epoll_create1", "capget",
    "pipe2", "eventfd2", "umask", "getgroups", "getresuid", "getresgid", "sched_getparam",
)  # fmt: skip
# What a confined process has no use for, and what an attacker in it would try first.
_REFUSED: Final = (
    "execve", "execveat", "fork", "vfork",
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd",
    "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "open_tree_attr",
    "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "statmount", "listmount",
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "io_setup",
    "keyctl", "add_key", "request_key", "open_by_handle_at", "name_to_handle_at", "fanotify_init",
    "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff",
    "acct", "quotactl", "quotactl_fd", "syslog", "settimeofday", "clock_settime", "adjtimex", "clock_adjtime",
    "sethostname", "setdomainname", "iopl", "ioperm", "modify_ldt", "vm86", "lookup_dcookie", "nfsservctl",
    "personality", "vhangup", "uselib", "ustat", "sysfs", "_sysctl", "migrate_pages", "move_pages", "mbind",
    "set_mempolicy", "set_mempolicy_home_node",
)  # fmt: skip


@functools.cache
def confining_filter() -> bytes:
    """Return the filter of a process that speaks to strangers or serves a company (confine.py)."""
    library = _library()
    filters = library.SyscallFilter(library.ALLOW)
    refused = library.ERRNO(errno.EPERM)
    for name in _REFUSED:
        if library.resolve_syscall(library.system_arch(), name) >= 0:
            filters.add_rule(refused, name)
    filters.add_rule(refused, "clone", library.Arg(0, library.MASKED_EQ, _CLONE_THREAD, 0))
    for flag in (1 << bit for bit in range(32) if _CLONE_NEW_ANY >> bit & 1):
        filters.add_rule(refused, "clone", library.Arg(0, library.MASKED_EQ, flag, flag))
    filters.add_rule(library.ERRNO(errno.ENOSYS), "clone3")  # its flags no filter can read; glibc takes clone then
    filters.add_rule(refused, "prlimit64", library.Arg(0, library.NE, 0))  # limits of others
    return _exported(filters)


def starting_filter() -> bytes:
    """Return the filter for bubblewrap's ``--seccomp``, as an array of struct sock_filter."""
    return _compile(starting=True)


def lockdown_filter() -> bytes:
    """Return the filter that a program loads on itself before it touches anything foreign."""
    return _compile(starting=False)


@functools.cache
def _compile(*, starting: bool) -> bytes:
    library = _library()
    filters = library.SyscallFilter(library.ERRNO(errno.EPERM))
    for name in (*_RUNNING, *(_STARTING if starting else ())):
        _allow(library, filters, name)
    _allow_threads(library, filters)
    # A thread's own niceness: without a capability it can only be raised.
    _allow(library, filters, "setpriority", library.Arg(0, library.EQ, os.PRIO_PROCESS), library.Arg(1, library.EQ, 0))
    if not starting:
        _allow_running_variants(library, filters)
    return _exported(filters)


def _allow(library: Any, filters: Any, name: str, *conditions: Any) -> None:
    """Allow a call; names this machine's kernel interface does not have are left out."""
    if library.resolve_syscall(library.system_arch(), name) >= 0:
        filters.add_rule(library.ALLOW, name, *conditions)


def _allow_threads(library: Any, filters: Any) -> None:
    """New threads, never processes or namespaces. glibc tries clone3, whose flags no filter can read, then clone."""
    threads_only = library.Arg(0, library.MASKED_EQ, _CLONE_THREAD | _CLONE_NEW_ANY, _CLONE_THREAD)
    filters.add_rule(library.ALLOW, "clone", threads_only)
    filters.add_rule(library.ERRNO(errno.ENOSYS), "clone3")


def _allow_running_variants(library: Any, filters: Any) -> None:
    for name in ("mmap", "mprotect"):
        _allow(library, filters, name, library.Arg(2, library.MASKED_EQ, _PROT_EXEC, 0))
    for option in (_PR_SET_NAME, _PR_SET_VMA):
        _allow(library, filters, "prctl", library.Arg(0, library.EQ, option))
    # glibc's fstat; a path could be asked for as well, but the sandbox holds nothing whose existence is secret.
    _allow(library, filters, "newfstatat", library.Arg(3, library.EQ, _AT_EMPTY_PATH))
    _allow(library, filters, "prlimit64", library.Arg(2, library.EQ, 0))  # reading a limit, not setting one


def _exported(filters: Any) -> bytes:
    with os.fdopen(os.memfd_create("seccomp", os.MFD_CLOEXEC), "w+b") as file:
        filters.export_bpf(file)
        file.seek(0)
        return file.read()


def _library() -> Any:
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError) as error:
        raise IsolationError(
            "libseccomp is missing, so the codec's system calls cannot be limited",
            advice="Install it (Debian and Ubuntu: apt install libseccomp2) and start again.",
        ) from error
    return pyseccomp
