"""ClientHellos as OpenSSL makes them, cut into records, and ones put together by hand."""

from __future__ import annotations

import ssl


def client_hello(name: str | None) -> bytes:
    """Return the first flight of a real client: one record with a ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    connection = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        connection.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("the handshake ended without a server")


def in_records(hello: bytes, *sizes: int) -> bytes:
    """Return the message of a one-record ClientHello in records of these sizes and one with the rest."""
    message, records = hello[5:], b""
    for size in sizes:
        records += hello[:3] + size.to_bytes(2) + message[:size]
        message = message[size:]
    return records + hello[:3] + len(message).to_bytes(2) + message


def extension(kind: int, body: bytes) -> bytes:
    return kind.to_bytes(2) + len(body).to_bytes(2) + body


def name_extension(name: bytes, kind: int = 0) -> bytes:
    entry = bytes([kind]) + len(name).to_bytes(2) + name
    return extension(0, len(entry).to_bytes(2) + entry)


def made_hello(*extensions: bytes, extensions_bytes: int | None = None) -> bytes:
    """Return a ClientHello with these extensions and one cipher suite.

    Args:
        extensions_bytes: the length that is claimed for them, if it is a lie.
    """
    block = b"".join(extensions)
    length = len(block) if extensions_bytes is None else extensions_bytes
    body = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00" + length.to_bytes(2) + block
    message = b"\x01" + len(body).to_bytes(3) + body
    return b"\x16\x03\x01" + len(message).to_bytes(2) + message
