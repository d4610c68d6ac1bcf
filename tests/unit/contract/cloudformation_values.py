"""What a CloudFormation template comes to for given parameters: the committed file, parsed and evaluated."""

from __future__ import annotations

import re
from typing import Any

import yaml

_ABSENT = object()


class _Loader(yaml.SafeLoader):
    pass


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {f"!{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


class Template:
    """A template with its parameters; ``made`` gives the ARNs of what AWS makes, by ``Resource.Arn``."""

    def __init__(self, text: str, parameters: dict[str, str], made: dict[str, str]) -> None:
        self.parsed = yaml.load(text, _Loader)
        self._made = made
        self._parameters = {
            name: self._typed(body, parameters.get(name, body.get("Default")))
            for name, body in self.parsed["Parameters"].items()
        }
        self._conditions = {name: self._value(body) for name, body in self.parsed.get("Conditions", {}).items()}

    def _typed(self, body: dict[str, Any], value: Any) -> Any:
        if body["Type"] == "CommaDelimitedList":
            return str(value).split(",")
        return int(value) if body["Type"] == "Number" else value

    def resources(self) -> dict[str, dict[str, Any]]:
        """Return the resources that exist, with their properties as plain data."""
        return {
            name: {**body, "Properties": self._value(body["Properties"])}
            for name, body in self.parsed["Resources"].items()
            if body.get("Condition") is None or self._conditions[body["Condition"]]
        }

    def _value(self, item: Any) -> Any:
        if isinstance(item, list):
            return [found for found in map(self._value, item) if found is not _ABSENT]
        if not isinstance(item, dict):
            return item
        if len(item) == 1 and next(iter(item)).startswith("!"):
            name, body = next(iter(item.items()))
            return self._call(name[1:], body)
        found = {name: self._value(inner) for name, inner in item.items()}
        return {name: inner for name, inner in found.items() if inner is not _ABSENT}

    def _call(self, name: str, body: Any) -> Any:
        if name in ("Ref", "GetAtt"):
            return self._named(body)
        if name == "Sub":
            return re.sub(r"\$\{([^}]+)\}", lambda hole: str(self._named(hole[1])), body)
        if name == "If":
            return self._value(body[1] if self._conditions[body[0]] else body[2])
        items = self._value(body)
        calls = {
            "Equals": lambda: items[0] == items[1],
            "Not": lambda: not items[0],
            "And": lambda: all(items),
            "Or": lambda: any(items),
            "Select": lambda: items[1][items[0]],
            "Join": lambda: items[0].join(items[1]),
            "Split": lambda: items[1].split(items[0]),
        }
        return calls[name]()

    def _named(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _ABSENT
        return self._parameters[name] if name in self._parameters else self._made[name]
