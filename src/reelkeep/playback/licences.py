"""ClearKey licences: the content keys of one version, for a player that holds a playback session. Pure; no I/O.

Follows the Clear Key section of W3C Encrypted Media Extensions: a request names key ids, the answer is a JSON Web Key
set. A low tier of protection by nature: page script can read these keys.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from typing import Final

from reelkeep.encryption.keys import ContentKey
from reelkeep.errors import NotFound, RequestError

MAX_REQUEST_BYTES: Final = 8_192
MAX_KEY_IDS: Final = 32
KEY_ID_BYTES: Final = 16


def parse_request(body: bytes) -> list[bytes]:
    """Return the key ids a player asks for; raise RequestError if it is no ClearKey licence request."""
    try:
        names = json.loads(body)["kids"]
        key_ids = [base64.urlsafe_b64decode(str(name) + "==") for name in names]
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        raise RequestError("this is no ClearKey licence request") from None
    if not 1 <= len(key_ids) <= MAX_KEY_IDS or any(len(key_id) != KEY_ID_BYTES for key_id in key_ids):
        raise RequestError("this is no ClearKey licence request")
    return key_ids


def answer(key_ids: Iterable[bytes], keys: Iterable[ContentKey]) -> bytes:
    """Return the licence for those of ``key_ids`` that are among ``keys``.

    Raises:
        NotFound: none of them is: keys of another version are never spoken of.
    """
    wanted = set(key_ids)
    entries = [{"kty": "oct", "kid": _text(key.key_id), "k": _text(key.key)} for key in keys if key.key_id in wanted]
    if not entries:
        raise NotFound("these keys do not belong to this playback session")
    return json.dumps({"keys": entries, "type": "temporary"}, separators=(",", ":")).encode()


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
