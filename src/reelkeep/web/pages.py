"""The page: static files of the program itself, found at start, checked by their hash, served by exact name only."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

STATIC_FOLDER: Final = Path(__file__).parent / "static"
_PAGE: Final = "index.html"
_CONTENT_TYPES: Final = {
    ".js": "text/javascript",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True)
class StaticFile:
    path: Path
    content_type: str
    etag: str


class Pages:
    """Every file below a folder, by its relative name. A name that is not in the table is not there: no path is built
    from what a request says."""

    def __init__(self, folder: Path = STATIC_FOLDER) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _static_file(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        }

    def file(self, request: Request, name: str) -> Response:
        """Return a file, or 304 if the browser has it; 404 if there is none of this name."""
        found = self._files.get(name)
        if found is None:
            return PlainTextResponse("There is no such file.\n", 404)
        headers = {"ETag": found.etag, "Cache-Control": "no-cache"}
        if found.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(found.path.read_bytes(), media_type=found.content_type, headers=headers)

    def page(self, request: Request) -> Response:
        """Return the page, which reads its own address."""
        return self.file(request, _PAGE)


def _static_file(path: Path) -> StaticFile:
    content_type = _CONTENT_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return StaticFile(path, content_type, f'"{digest[:32]}"')
