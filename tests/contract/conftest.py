"""Fixtures of the contract suites: the AWS emulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.services import ministack as service


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[service.Ministack]:
    with service.running(tmp_path_factory.mktemp("ministack")) as server:
        yield server
