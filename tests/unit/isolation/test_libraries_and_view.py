"""What is bound into a sandbox: complete enough to run, and nothing more."""

import sys
from pathlib import Path

import pytest

from reelkeep.errors import IsolationError
from reelkeep.isolation.libraries import needs_of, search_directories, system_libraries
from reelkeep.isolation.view import INTERPRETER, binds_for


def test_the_interpreters_needs_are_read_from_its_header() -> None:
    needs = needs_of(Path(sys.executable).resolve())
    assert needs is not None
    assert needs.interpreter is not None
    assert any(name.startswith("libc.so") for name in needs.names)


def test_a_file_that_is_no_program_needs_nothing() -> None:
    assert needs_of(Path(__file__)) is None


def test_libraries_are_found_to_the_last_generation() -> None:
    directories = search_directories([Path(sys.base_prefix) / "lib"])
    found = system_libraries([Path(sys.executable).resolve()], directories)
    assert "libc.so.6" in found
    for path in found.values():
        needs = needs_of(path)
        assert needs is not None
        assert {name for name in needs.names if any((d / name).exists() for d in directories)} <= set(found)


def test_the_view_holds_the_interpreter_and_the_packages_and_no_folder_of_keys() -> None:
    binds = binds_for(("av", "numpy"))
    targets = {bind.target for bind in binds}
    assert {INTERPRETER, "/packages/av", "/packages/numpy", "/packages/reelkeep/transcode/codec"} <= targets
    assert all(bind.source.exists() for bind in binds)
    assert not any("reelkeep" in target and "encryption" in target for target in targets)
    assert "/packages/reelkeep" not in targets
    assert "/packages/reelkeep/isolation" not in targets


def test_a_package_that_is_not_there_is_named() -> None:
    with pytest.raises(IsolationError, match="nonexistent_package"):
        binds_for(("nonexistent_package",))
