"""The check of the company's own key, which wraps its company key."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from reelkeep.acceptance.bench import Bench
from reelkeep.acceptance.interface import Check, Group, NotVerifiable, Outcome, failed, passed, unsupported
from reelkeep.errors import DependencyError
from reelkeep.storage.interface import Wrapped
from reelkeep.storage.kms import WrappingKeyClosed

PROBE_BYTES: Final = 32
_UPDATE: Final = "Update the stack from the template, and see that the wrapping key is enabled."


def _wraps(bench: Bench) -> Outcome:
    stack = bench.subject.stack
    if stack is None or not stack.wrapping_key:
        why = "CompanyKeyWrap is off in this stack" if stack else "this store has no stack that makes a key"
        return unsupported(f"the operator's keyring alone wraps the company key: {why}")
    try:
        return _tried(bench)
    except WrappingKeyClosed as closed:
        return failed(closed.message, _UPDATE)
    except DependencyError as error:
        raise NotVerifiable(error.message) from None


def _tried(bench: Bench) -> Outcome:
    wrapping, probe = bench.wrapping(), secrets.token_bytes(PROBE_BYTES)
    wrapped = wrapping.wrap(probe, Wrapped.PROBE)
    if wrapping.unwrap(wrapped, Wrapped.PROBE) != probe:
        return failed("the key did not give back what it wrapped", _UPDATE)
    if bench.connection.wrapping_key is not None and wrapping.look().is_refused:
        return failed("the key does not open what it wrapped when the wrapping was turned on", _UPDATE)
    if not _refused(lambda: wrapping.unwrap(wrapped, Wrapped.COMPANY_KEY)):
        return failed("the key unwraps one thing as another: it looks at no encryption context", _UPDATE)
    if not bench.subject.is_aws:
        return passed("wrapped, unwrapped, and refused under another purpose; policies on contexts: emulator gap")
    stranger = bench.wrapping(external_id=secrets.token_urlsafe(PROBE_BYTES))
    if not _refused(lambda: stranger.wrap(probe, Wrapped.PROBE)):
        return failed("the media role may use the key under another company's external id", _UPDATE)
    return passed("wrapped, unwrapped, and refused under another purpose and another external id")


def _refused(ask: Callable[[], bytes]) -> bool:
    try:
        ask()
    except WrappingKeyClosed:
        return True
    return False


CHECKS: Final = (
    Check("wrapping-key", Group.ACCESS, "A key of your own wraps your company key, and serves for nothing else.",
          "Encrypt and Decrypt of bytes that mean nothing, also under contexts that must be refused.", _wraps),
)  # fmt: skip
