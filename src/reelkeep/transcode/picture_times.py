"""The times of an original's pictures as they are kept: JSON of runs of equal steps. Pure; no I/O.

Form: {"clock": [numerator, denominator], "pictures": n, "runs": [[ticks, how many], ...]}; a tick is the clock's
fraction of a second, the first picture is at 0, and each step leads to the next picture.
"""

from __future__ import annotations

import json
import struct

from reelkeep.transcode.protocol import Times


def encode(times: Times) -> bytes:
    """Return the times as JSON.

    >>> encode(Times(1, 1000, 4, 40, 41, struct.pack("<4I", 40, 2, 41, 1)))
    b'{"clock":[1,1000],"pictures":4,"runs":[[40,2],[41,1]]}'
    """
    runs = list(struct.iter_unpack("<II", times.body))
    fields = {"clock": [times.numerator, times.denominator], "pictures": times.pictures, "runs": runs}
    return json.dumps(fields, separators=(",", ":")).encode()
