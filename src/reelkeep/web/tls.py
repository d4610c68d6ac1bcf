"""TLS as a company's process speaks it, with the company's own certificate.

TLS 1.2 and 1.3 (RFC 9325, section 3.1.1), HTTP/1.1 by ALPN. A context is never shared between processes: with it
another company's TLS session would be taken for one of ours.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reelkeep.errors import IsolationError

_ALPN: Final = ["http/1.1"]


@dataclass(frozen=True)
class Tls:
    context: ssl.SSLContext = field(repr=False)
    is_self_signed: bool


def tls_from_fields(fields: Mapping[str, Any] | None) -> Tls | None:
    """Return what the supervisor gave: certificate chain and private key, in PEM; None: there is no TLS here."""
    if fields is None:
        return None
    return Tls(context_of(fields["chain"], fields["key"]), bool(fields["is_self_signed"]))


def context_of(chain: str, key: str) -> ssl.SSLContext:
    """Return a server's context. The key lies in memory alone: OpenSSL reads it from a memory file.

    Raises:
        IsolationError: OpenSSL does not take them; the message holds nothing of the key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(_ALPN)
    descriptor = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(descriptor), "w", encoding="ascii") as file:
            file.write(f"{key}\n{chain}\n")
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    except (ssl.SSLError, OSError) as error:
        raise IsolationError(f"the company's certificate does not load: {type(error).__name__}") from None
    finally:
        os.close(descriptor)
    return context
