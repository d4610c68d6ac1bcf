"""Routes whose handlers make their answer in the thread in which they have asked the database."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response

_MAKES_ANSWER: Final = "makes_answer"


class ReadingRoute(APIRoute):
    """A route that is FastAPI's own but for GET with a plain function.

    FastAPI would compare what such a function returns with its annotation in another thread, and walk through it once
    more, which takes as long as all the rest of a short answer (benchmarks/profiles/metadata.md). What it returns here
    is JSON's own types and nothing else; ``web.api.views`` sees to that.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if set(options.get("methods") or ()) == {"GET"} and not inspect.iscoroutinefunction(endpoint):
            endpoint, options["response_model"] = _answering(endpoint), None
        super().__init__(path, endpoint, **options)


def api_router(prefix: str = "") -> APIRouter:
    """Return a router for one noun of the API."""
    return APIRouter(prefix=prefix, route_class=ReadingRoute)


def _answering(handler: Callable[..., Any]) -> Callable[..., Response]:
    if hasattr(handler, _MAKES_ANSWER):  # a router that takes another one in makes its routes again
        return handler

    @functools.wraps(handler)
    def answering(*args: Any, **arguments: Any) -> Response:
        found = handler(*args, **arguments)
        return found if isinstance(found, Response) else JSONResponse(found)

    setattr(answering, _MAKES_ANSWER, True)
    return answering
