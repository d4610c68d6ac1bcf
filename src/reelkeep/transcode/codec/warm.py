"""Imports every part of PyAV that it would import at first use: afterwards no file can be opened in the sandbox."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Final

import av

_NOT_NEEDED: Final = frozenset({"av.__main__", "av.datasets"})

for _module in pkgutil.walk_packages(av.__path__, "av."):
    if _module.name not in _NOT_NEEDED:
        importlib.import_module(_module.name)
