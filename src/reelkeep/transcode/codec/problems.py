"""Why an original cannot be used, in words for the person who uploaded it. Pure; no I/O.

A file whose end is missing is refused as a whole, even where its start could be decoded: a review on a film that
silently ends too soon is worse than a message, and the original stays stored as it came.
"""

from __future__ import annotations

from typing import Final

from reelkeep.errors import MediaError

_TEXTS: Final = {
    "empty": "The file is empty.",
    "not_media": "The file is not a film, a sound or a picture that Reelkeep knows, whatever its name says.",
    "text": "The file is text that points to other files (a playlist), not a film. Upload the film itself.",
    "cut_off": "The file is cut off: its end is missing. Copy or export it again, all of it, and upload that.",
    "no_streams": "The file holds neither a picture nor a sound that can be played.",
    "unsupported": "The file's codec is not supported.",
    "damaged": "The file is damaged: too much of it cannot be decoded.",
    "too_large": "The picture or its length is larger than Reelkeep can take.",
    "codec_failed": "The file could not be transcoded.",
}


class Refused(MediaError):
    """The original cannot be used."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        plain = "".join(c for c in detail if c.isascii() and c.isprintable())[:120]
        super().__init__(f"{_TEXTS[reason]} ({plain})" if plain else _TEXTS[reason])
