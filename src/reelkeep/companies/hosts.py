"""Host names as they stand in the registry and in requests. Pure; no I/O."""

from __future__ import annotations

from typing import Final

_MAX_NAME_BYTES: Final = 255  # RFC 1035, section 2.3.4
_ALLOWED: Final = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789-._[]:")


def normal_host(value: bytes) -> str:
    """Return the host of a Host field: lower case, no port, no final dot; "" if it is none.

    >>> normal_host(b" ACME.localhost.:80 "), normal_host(b"[::1]:8000"), normal_host(b"a b")
    ('acme.localhost', '[::1]', '')
    """
    text = value.strip().lower()
    name, _, port = text.rpartition(b":") if not text.endswith(b"]") and b":" in text else (text, b"", b"")
    name = name.removesuffix(b".")
    if not name or len(name) > _MAX_NAME_BYTES or port.strip(b"0123456789") or set(name) - _ALLOWED:
        return ""
    return name.decode("ascii")
