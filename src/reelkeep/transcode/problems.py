"""Why an original cannot be used, in words for the person who uploaded it. Pure; no I/O.

The codec, which reads the hostile file, only names one of these reasons; no word of its own choice is shown but, for
two of them, a short detail such as the name of a format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reelkeep.errors import MediaError

_STAYS: Final = "this file stays stored as it is"
_AGAIN: Final = f"Copy or export it again and upload that as a new version; {_STAYS}."
_FRAME_AGAIN: Final = "Export this frame again and upload the whole sequence as a new version; what came stays stored."
_WORDS: Final[Mapping[str, tuple[str, str]]] = {  # by fields.PROBLEM_CODES: what happened, and what to do next
    "empty": ("The file is empty", _AGAIN),
    "not_media": (
        "This is not a film, a sound or a picture that Reelkeep knows, whatever its name says",
        f"Check that it is the right file and upload that as a new version; {_STAYS}.",
    ),
    "text": (
        "This is a text, such as a playlist that names other files, and not a film",
        f"Upload the film itself; {_STAYS}.",
    ),
    "cut_off": (
        "The end of the file is missing, as if it had been sent while it was still being copied or exported",
        f"Wait until the file is whole, or export it again, and upload it as a new version; {_STAYS}.",
    ),
    "no_streams": ("The file holds neither a picture nor a sound that can be played", _AGAIN),
    "unsupported": (
        "Reelkeep cannot read the format in which this film is stored",
        f"Export it as ProRes or H.264 with AAC or PCM sound and upload that as a new version; {_STAYS}.",
    ),
    "damaged": ("The file is damaged: too much of it cannot be read", _AGAIN),
    "too_large": (
        "The picture is larger, or the film longer, than Reelkeep can take",
        f"Export it smaller or in reels and upload those; {_STAYS}.",
    ),
    "frame_damaged": ("A picture of the image sequence is damaged", _FRAME_AGAIN),
    "frame_kind": ("A picture of the image sequence is of another kind than its name says", _FRAME_AGAIN),
    "frame_size": ("A picture of the image sequence has another size than the first one", _FRAME_AGAIN),
    "codec_failed": ("The film could not be transcoded", _AGAIN),
}
_DETAILED: Final = frozenset({"unsupported", "too_large", "frame_damaged", "frame_kind", "frame_size"})


def unusable(code: str, detail: str = "") -> MediaError:
    """Return the error to be shown with the version.

    Args:
        code: one of ``fields.PROBLEM_CODES``.
        detail: of the codec, bounded by the protocol; shown where it helps the uploader.

    >>> unusable("unsupported", "cinepak").message
    'Reelkeep cannot read the format in which this film is stored (cinepak)'
    >>> unusable("damaged", "0x7ffe").message
    'The file is damaged: too much of it cannot be read'
    """
    message, advice = _WORDS[code]
    return MediaError(f"{message} ({detail})" if detail and code in _DETAILED else message, advice=advice)
