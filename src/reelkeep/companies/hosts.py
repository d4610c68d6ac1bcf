"""Host names as they stand in the registry and in requests. Pure; no I/O."""

from __future__ import annotations

from typing import Final

_MAX_NAME_BYTES: Final = 255  # RFC 1035, section 2.3.4
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
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


def origin(scheme: str, host: str, port: int) -> str:
    """Return an origin as browsers write it (RFC 6454, section 6.2): without the port that goes without saying.

    >>> origin("https", "acme.example.org", 443), origin("http", "acme.localhost", 8000)
    ('https://acme.example.org', 'http://acme.localhost:8000')
    """
    return f"{scheme}://{host}" if port == _DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"
