"""Sends a LUT to the company's bucket by one PUT."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from reelkeep.errors import MediaError
from reelkeep.transfer.bucket import StoreClient
from reelkeep.transfer.interface import SignedRequest
from reelkeep.transfer.meter import Meter
from reelkeep.transfer.names import as_text
from reelkeep.transfer.pace import Pace
from reelkeep.transfer.upload import FileBody, open_file
from reelkeep.transfer.wire import Wire

MAX_LUT_BYTES: Final = 12 << 20  # as the platform's ``ingest.cube``


class LutApi(Protocol):
    """What is asked of the platform; ``api.Api`` is one."""

    def begin_lut(
        self, production_id: str, file_name: str, size_bytes: int, crc32: bytes
    ) -> tuple[str, SignedRequest]: ...

    def complete_lut(self, production_id: str, lut_id: str) -> Mapping[str, Any]: ...


def add_lut(api: LutApi, production_id: str, path: Path) -> Mapping[str, Any]:
    """Add a ``.cube`` or ``.3dl`` file to a production and return the LUT, which can be chosen then.

    Raises:
        RequestError: the file cannot be read.
        MediaError: it is too large, or no LUT.
        StorageSetupError, DependencyError: the bucket refuses, or is away for longer than five minutes.
    """
    stop = threading.Event()
    with open_file(path) as file, Wire() as wire:
        body = file.read(MAX_LUT_BYTES + 1) or b""
        if len(body) > MAX_LUT_BYTES:
            raise MediaError(
                f"the LUT is larger than {MAX_LUT_BYTES >> 20} MiB",
                advice="Export it with at most 65 points, and add that.",
            )
        crc32 = zlib.crc32(body).to_bytes(4, "big")
        lut_id, request = api.begin_lut(production_id, as_text(path.name), len(body), crc32)
        part = FileBody(file.fileno(), 0, len(body), Meter(len(body), None), Pace(), stop)
        StoreClient(wire, stop).put(lambda _: request, part)
    return api.complete_lut(production_id, lut_id)
