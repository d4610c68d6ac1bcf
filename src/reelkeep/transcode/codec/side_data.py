"""What comes beside a decoded picture, also when a kind is among it that PyAV has no name for (EXIF is one).

PyAV 18 lists side data in an enumeration of the kinds known when it was written, and fails for a picture that carries
any other. A member is made for such a kind here, once; nobody reads it.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from av.sidedata.sidedata import Type


def _unnamed(cls: type[Enum], value: object) -> Enum:
    member = object.__new__(cls)
    member._name_, member._value_ = f"UNNAMED_{value}", value
    return member


Type._missing_ = classmethod(_unnamed)  # type: ignore[assignment,method-assign]


def side_data(frame: Any, name: str) -> bytes | None:
    """Return the bytes of the named kind of side data, None if the picture has none of it."""
    found = frame.side_data.get(name)
    return bytes(found) if found is not None else None
