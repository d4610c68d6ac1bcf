"""What a Terraform module comes to for given variables: the committed files, read by python-hcl2 and evaluated.

The expressions are those that the module uses: references, templates, conditionals, comparisons, ``concat``, ``length``
and ``one``. Terraform itself is not run here.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import hcl2

_TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:[^"\\$]|\\.|\$(?!\{)|\$\{[^}]*\})*")|(?P<number>\d+)|(?P<op>&&|\|\||==|!=|>=|<=|[!?:()\[\],><])'
    r"|(?P<name>[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*|\[\*\]|\[0\])*))"
)
_HOLE = re.compile(r"\$\{([^}]*)\}")


class Module:
    """A module with its variables; ``made`` gives the attributes of what AWS makes, by reference."""

    def __init__(self, folder: Path, variables: dict[str, Any], made: dict[str, Any]) -> None:
        self.parsed = _parsed(folder)
        self._made = made
        self._variables = {
            name: self._given(name, body, variables)
            for block in self.parsed["variables.tf"]["variable"]
            for name, body in _named(block)
        }
        self._locals = self.parsed["locals.tf"]["locals"][0] if "locals.tf" in self.parsed else {}

    def _given(self, name: str, body: dict[str, Any], variables: dict[str, Any]) -> Any:
        return variables[name] if name in variables else self.value(body["default"])

    def blocks(self, kind: str, file: str) -> dict[str, Any]:
        """Return the bodies of all blocks of a kind in a file that exist, by ``type.label``, evaluated."""
        found = {}
        for block in self.parsed[file][kind]:
            for type_name, labels in _named(block):
                for label, body in _named(labels):
                    if "count" not in body or self.value(body["count"]):
                        found[f"{type_name}.{label}"] = self.body(body)
        return found

    def body(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a block's arguments and inner blocks as plain data; dynamic blocks are unfolded."""
        found: dict[str, Any] = {}
        for name, item in body.items():
            if name.startswith("__") or name in ("dynamic", "depends_on"):
                continue
            if isinstance(item, list) and item and isinstance(item[0], dict):
                found[name] = [self.body(inner) for inner in item]
            elif (value := self.value(item)) is not None:
                found[name] = value
        for dynamic in body.get("dynamic", ()):
            for name, inner in _named(dynamic):
                if self.value(inner["for_each"]):
                    found.setdefault(name, []).extend(self.body(content) for content in inner["content"])
        return found

    def value(self, item: Any) -> Any:
        if isinstance(item, list):
            return [self.value(inner) for inner in item]
        if not isinstance(item, str):
            return item
        whole = item[2:-1] if item.startswith("${") and item.endswith("}") else item
        found, rest = self._conditional(self._tokens(whole))
        assert not rest, f"{item} goes on with {rest}"
        return found

    def _tokens(self, text: str) -> list[tuple[str, str]]:
        tokens, at = [], 0
        while at < len(text.rstrip()):
            match = _TOKEN.match(text, at)
            assert match is not None, f"no token at {text[at:]}"
            tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
            at = match.end()
        return tokens

    def _conditional(self, tokens: list[tuple[str, str]]) -> tuple[Any, list[tuple[str, str]]]:
        test, rest = self._binary(tokens)
        if rest and rest[0][1] == "?":
            yes, rest = self._conditional(rest[1:])
            no, rest = self._conditional(rest[1:])
            return (yes if test else no), rest
        return test, rest

    def _binary(self, tokens: list[tuple[str, str]]) -> tuple[Any, list[tuple[str, str]]]:
        left, rest = self._single(tokens)
        while rest and rest[0][1] in ("&&", "||", "==", "!=", ">"):
            operator = rest[0][1]
            right, rest = self._single(rest[1:])
            left = {
                "&&": lambda a, b: a and b,
                "||": lambda a, b: a or b,
                "==": lambda a, b: a == b,
                "!=": lambda a, b: a != b,
                ">": lambda a, b: a > b,
            }[operator](left, right)
        return left, rest

    def _single(self, tokens: list[tuple[str, str]]) -> tuple[Any, list[tuple[str, str]]]:
        kind, text = tokens[0]
        if kind == "string":
            return _HOLE.sub(lambda hole: str(self.value(hole[1])), text[1:-1]).replace('\\"', '"'), tokens[1:]
        if kind == "number":
            return int(text), tokens[1:]
        if text == "(":
            value, rest = self._conditional(tokens[1:])
            return value, rest[1:]
        if text == "[":
            return self._items(tokens[1:], "]")
        if tokens[1:2] == [("op", "(")]:
            arguments, rest = self._items(tokens[2:], ")")
            return self._call(text, arguments), rest
        return self._reference(text), tokens[1:]

    def _items(self, tokens: list[tuple[str, str]], end: str) -> tuple[list[Any], list[tuple[str, str]]]:
        items = []
        while tokens[0][1] != end:
            item, tokens = self._conditional(tokens)
            items.append(item)
            if tokens[0][1] == ",":
                tokens = tokens[1:]
        return items, tokens[1:]

    def _call(self, name: str, arguments: list[Any]) -> Any:
        if name == "concat":
            return [item for items in arguments for item in items]
        if name == "length":
            return len(arguments[0])
        assert name == "one"
        return arguments[0]

    def _reference(self, name: str) -> Any:
        if name in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[name]
        space, _, rest = name.partition(".")
        if space == "var":
            return self._variables[rest]
        return self.value(self._locals[rest]) if space == "local" else self._made[name]


@functools.cache
def _parsed(folder: Path) -> dict[str, Any]:
    return {path.name: hcl2.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.tf")}


def _named(block: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name.strip('"'), body) for name, body in block.items() if not name.startswith("__")]
