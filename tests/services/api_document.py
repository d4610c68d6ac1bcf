"""The API as its OpenAPI document tells it: every route, where ids stand in it, and a request made for given ids. Pure.

An id in a path is of the collection before it: in ``/productions/{production_id}/luts/{lut_id}`` they are one of
``productions`` and one of ``luts``. Which fields of a body are ids, no schema says: BODY_IDS does.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reelkeep.ids import ID_PATTERN

BODY_IDS: Final = {  # (schema, field) to the collection that its ids are of
    ("ChosenLut", "id"): "luts",
    ("Arrived", "id"): "small-uploads",
    ("Wanted", "versions"): "versions",
    ("NewAccess", "production_id"): "productions",
}
NO_IDS: Final = {  # fields and query parameters that look like ids
    "after": "a place in an order: what stands behind it is listed of the production in the path alone",
    "before": "a place in the order of the company's own process ledger",
    "client_keys": "the client's own names of its files, sought among the caller's own uploads",
    "client_key": "the client's own name of its file, sought among the caller's own uploads",
}
_PLACES: Final = {"step": "contacts"}  # in paths, and no ids
_VALUES: Final = {  # of fields that not any text or number will do for
    "crc32": base64.b64encode(zlib.crc32(b"hello").to_bytes(4, "big")).decode(),
    "file_name": "look.cube",
    "first_file": "shot.1001.exr",
    "last_file": "shot.1002.exr",
    "files": 2,
    "size_bytes": 5,
    "frame": 0,
}
_Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Route:
    method: str
    path: str  # "/api/v1/versions/{version_id}"
    body: _Schema | None
    schemas: Mapping[str, _Schema]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def places(self) -> list[str]:
        """Return the collections that the request's ids are of, in the order of the path, then of the body."""
        found = [collection for collection, _ in self._parameters()]
        return found + [BODY_IDS[place] for place in self._fields(self.body or {}) if place in BODY_IDS]

    def unknown_ids(self) -> list[tuple[str, str]]:
        """Return fields of the body that look like ids and stand in neither table."""
        found = self._fields(self.body or {})
        return [(schema, name) for schema, name in found if (schema, name) not in BODY_IDS and name not in NO_IDS]

    def url(self, ids: Mapping[str, str]) -> str:
        url = self.path
        for collection, parameter in self._parameters():
            url = url.replace(parameter, ids[collection])
        return url.format(**_PLACES)

    def form(self, ids: Mapping[str, str]) -> Any:
        """Return a body that the schema takes, with every id in it; None if the route takes none."""
        return None if self.body is None else self._example(self.body, "", "", ids)

    def _parameters(self) -> list[tuple[str, str]]:
        return re.findall(r"/([a-z-]+)/({[a-z_]*id})", self.path)

    def _resolved(self, schema: _Schema) -> tuple[str, _Schema]:
        name = schema.get("$ref", "").rpartition("/")[2]
        return (name, self.schemas[name]) if name else ("", schema)

    def _fields(self, schema: _Schema, owner: str = "", name: str = "") -> Iterator[tuple[str, str]]:
        """Yield (schema, field) of every field that is listed as an id or looks like one."""
        referred, schema = self._resolved(schema)
        if schema.get("type") == "string" and _looks_like_an_id(name, schema):
            yield owner, name
        for each in (*schema.get("anyOf", ()), *filter(None, [schema.get("items")])):
            yield from self._fields(each, owner, name)
        for field, about in schema.get("properties", {}).items():
            yield from self._fields(about, referred or owner, field)

    def _example(self, schema: _Schema, owner: str, name: str, ids: Mapping[str, str]) -> Any:
        has_ids = any(True for _ in self._fields(schema, owner, name))
        if not has_ids and ("default" in schema or {"type": "null"} in schema.get("anyOf", ())):
            return schema.get("default")
        referred, schema = self._resolved(schema)
        if "anyOf" in schema:
            return self._example(schema["anyOf"][0], owner, name, ids)
        if "properties" in schema:
            fields = schema["properties"].items()
            return {field: self._example(about, referred or owner, field, ids) for field, about in fields}
        if "items" in schema:
            return [self._example(schema["items"], owner, name, ids)]
        if (owner, name) in BODY_IDS:
            return ids[BODY_IDS[owner, name]]
        if "enum" in schema:
            return schema["enum"][0]
        simple = {"integer": 1, "boolean": False, "string": "x"}
        return _VALUES.get(name, simple.get(schema.get("type", "")))


def routes(document: Mapping[str, Any]) -> list[Route]:
    """Return every route of an OpenAPI document."""
    schemas = document.get("components", {}).get("schemas", {})
    return [
        Route(method.upper(), path, _body(about), schemas)
        for path, methods in document["paths"].items()
        for method, about in methods.items()
    ]


def query_parameters(document: Mapping[str, Any]) -> set[str]:
    """Return the names of all query parameters that take a text."""
    return {
        parameter["name"]
        for methods in document["paths"].values()
        for about in methods.values()
        for parameter in about.get("parameters", ())
        if parameter["in"] == "query" and parameter["schema"].get("type") not in ("integer", "boolean")
    }


def _body(about: Mapping[str, Any]) -> _Schema | None:
    return about.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")


def _looks_like_an_id(name: str, schema: _Schema) -> bool:
    plurals = {*BODY_IDS.values(), "productions", "assets", "uploads", "users", "members", "connections", "comments"}
    named = name == "id" or name in plurals or re.search(r"_(id|ids|key|keys)$", name) is not None
    return named or ID_PATTERN in schema.get("pattern", "")
