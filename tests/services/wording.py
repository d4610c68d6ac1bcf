"""What a message must be like so that somebody in a film studio understands it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Words of programmers, of our own machinery, and of the libraries below it.
JARGON = re.compile(
    r"traceback|errno|ffmpeg|libav|botocore|obstore|exception|\w+Error\b|nonetype|null\b|moov|invalid data|stderr"
    r"|[<>{}\\]|0x[0-9a-f]+|x-amz|http/|sqlstate|\bsts\b",
    re.IGNORECASE,
)


def check_words(message: Any, advice: Any) -> None:
    """See that both are sentences for people, and that the second says what to do."""
    for words in (message, advice):
        assert isinstance(words, str)
        assert words
        assert words[0].isupper() or not words[0].isalpha(), words
        assert words.endswith((".", "!")), words
        assert not JARGON.search(words), words
        assert len(words) < 300
    assert message.rstrip(".") not in advice


def check_failed(version: Mapping[str, Any], *expected: str) -> None:
    """See that a failed version says what happened, with these words in it, and what to do next."""
    assert version["state"] == "failed", version
    check_words(version["problem"], version["advice"])
    for words in expected:
        assert words in f"{version['problem']} {version['advice']}", version["problem"]
