"""What was read ahead of the SDK's models is not read again."""

from __future__ import annotations

import pytest

from reelkeep.storage import models


def test_a_client_is_made_of_what_was_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    models.read_ahead()

    def refuse(*_: object) -> None:
        raise AssertionError("a model was read again")

    monkeypatch.setattr(models._MODELS.file_loader, "load_file", refuse)
    client = models.fresh_session().create_client(
        "s3", region_name="eu-west-1", aws_access_key_id="key", aws_secret_access_key="secret"
    )
    assert client.meta.service_model.service_name == "s3"
