import re
from pathlib import Path

import pytest

from reelkeep import errors
from reelkeep.cli import exits
from reelkeep.cli.exits import exit_code
from reelkeep.storage.translate import ChecksumMismatch

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "cli.md"


def kinds(kind: type[errors.ReelkeepError]) -> list[type[errors.ReelkeepError]]:
    return [kind, *(below for child in kind.__subclasses__() for below in kinds(child))]


@pytest.mark.parametrize("kind", kinds(errors.ReelkeepError)[1:])
def test_every_error_of_the_tree_has_an_exit_code_that_is_documented(kind: type[errors.ReelkeepError]) -> None:
    code = exit_code(kind.__new__(kind))
    assert code not in (exits.DONE, exits.FAULT, exits.USAGE)
    assert re.search(rf"^\| {code} \|", DOCUMENT.read_text(), re.MULTILINE)


def test_a_wrong_checksum_is_the_files_matter() -> None:
    assert exit_code(ChecksumMismatch()) == exit_code(errors.MediaError())
