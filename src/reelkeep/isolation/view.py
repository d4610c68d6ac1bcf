"""What a sandbox sees of the host: the interpreter, its standard library, named packages, and the libraries of these.

Everything is bound read-only under names of its own (``/python``, ``/packages``, ``/libraries``), so that neither the
place of the installation nor a user's name is visible inside, and a prefix below a closed home directory works.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reelkeep.errors import IsolationError
from reelkeep.isolation.libraries import needs_of, search_directories, shared_objects, system_libraries

_VERSION: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
LIBRARY: Final = f"/python/lib/{_VERSION}"
# Other people's packages beside the standard library are covered with an empty directory.
COVERED: Final = tuple(f"{LIBRARY}/{name}" for name in ("site-packages", "dist-packages"))
INTERPRETER: Final = f"/python/bin/{_VERSION}"
ENVIRONMENT: Final = {
    "PYTHONHOME": "/python",
    "PYTHONPATH": "/packages",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONNOUSERSITE": "1",
    "LD_LIBRARY_PATH": "/libraries",
    "LANG": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",  # numpy's threads would only cost memory here
    "MALLOC_ARENA_MAX": "4",  # many codec threads would spread over as many heaps
}
# The parts of this package that may run inside: no keys, no storage, no database.
_OWN_PARTS: Final = (
    "__init__.py", "errors.py", "luts.py", "media.py", "sequences.py",
    "isolation/__init__.py", "isolation/channel.py", "isolation/hygiene.py", "isolation/inside.py",
    "transcode/__init__.py", "transcode/protocol.py", "transcode/orders.py", "transcode/reports.py",
    "transcode/fields.py", "transcode/samples.py", "transcode/ladder.py", "transcode/bands.py", "transcode/codec",
)  # fmt: skip


@dataclass(frozen=True)
class Bind:
    """A file or directory of the host and where it stands inside; always read-only."""

    source: Path
    target: str


def binds_for(packages: tuple[str, ...], extra: tuple[Bind, ...] = ()) -> tuple[Bind, ...]:
    """Return everything to bind so that Python and ``packages`` (import names) run inside."""
    return (*_python(packages), *_own(), *extra)


@functools.cache
def _python(packages: tuple[str, ...]) -> tuple[Bind, ...]:
    prefix, stdlib = Path(sys.base_prefix).resolve(), Path(sysconfig.get_path("stdlib")).resolve()
    interpreter = Path(sys.executable).resolve()
    bound = [bind for package in packages for bind in _bound(package)]
    programs = [interpreter, *shared_objects(stdlib / "lib-dynload")]
    programs += [file for bind in bound for file in shared_objects(bind.source)]
    libraries = system_libraries(programs, search_directories([prefix / "lib"]))
    needs = needs_of(interpreter)
    if needs is None or needs.interpreter is None:
        raise IsolationError("this Python is not a 64-bit dynamic program, so the codec's sandbox cannot hold it")
    return (
        Bind(interpreter, INTERPRETER),
        Bind(stdlib, LIBRARY),
        Bind(Path(needs.interpreter).resolve(), needs.interpreter),
        *(Bind(file, f"/libraries/{name}") for name, file in sorted(libraries.items())),
        *bound,
    )


def _bound(package: str) -> list[Bind]:
    """A package's directory, or its one file; and where a wheel brought libraries along, the directory of these."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise IsolationError(f"the package {package} is not installed", advice="Install Reelkeep again with its needs.")
    source, target = Path(spec.origin).resolve(), f"/packages/{package.replace('.', '/')}"
    if not spec.submodule_search_locations:
        return [Bind(source, f"{target}.py")]
    libraries = source.parent.with_name(f"{package}.libs")
    found = [Bind(source.parent, target)]
    return [*found, Bind(libraries, f"/packages/{libraries.name}")] if libraries.is_dir() else found


def _own() -> tuple[Bind, ...]:
    root = Path(__file__).resolve().parents[1]
    return tuple(Bind(root / part, f"/packages/reelkeep/{part}") for part in _OWN_PARTS)
