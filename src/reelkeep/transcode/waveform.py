"""The waveform as the page reads it: JSON with one or more zooms. Pure; no I/O.

Form: {"rate_hz": 48000, "zooms": [{"samples_per_point": n, "points": n, "pairs": base64}]}, coarsest zoom first; pairs
are the lowest and the highest value of each point as signed bytes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any, Final

from reelkeep.media import AUDIO_RATE_HZ
from reelkeep.transcode.protocol import Peaks

MAX_ZOOMS: Final = 4
MAX_JSON_BYTES: Final = 12 << 20  # below packaging.stills.MAX_STILL_BYTES


def encode(zooms: Sequence[Peaks]) -> bytes:
    """Return the zooms as JSON; the finest are left out where all together would be too large.

    >>> encode([Peaks(256, 1, bytes((0x80, 0x7F)))])
    b'{"rate_hz":48000,"zooms":[{"samples_per_point":256,"points":1,"pairs":"gH8="}]}'
    """
    kept: list[dict[str, Any]] = []
    room = MAX_JSON_BYTES
    for zoom in sorted(zooms, key=lambda each: each.points):
        pairs = base64.b64encode(zoom.body).decode()
        room -= len(pairs) + 100
        if room < 0:
            break
        kept.append({"samples_per_point": zoom.samples_per_point, "points": zoom.points, "pairs": pairs})
    return json.dumps({"rate_hz": AUDIO_RATE_HZ, "zooms": kept}, separators=(",", ":")).encode()
