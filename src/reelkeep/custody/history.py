"""What an audit says besides the one before: which problems are fresh, and which are gone. Pure; no I/O.

Of every problem a mark of a few bytes is kept until the next audit, so that a problem that is known is not told again
each day. An audit of more problems than MAX_MARKS keeps none: the next one then compares their numbers alone.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from reelkeep.custody.merge import PROBLEMS, Finding, FindingKind

MAX_MARKS: Final = 20_000  # of one audit: 400 kB in the company's database
NAMED: Final = 20  # fresh problems of a kind that are kept by name
SETTING: Final = "setting"  # the kind of a setting that differs from the contract
_MARK_BYTES: Final = 8
_MAX_TEXT: Final = 1_024


@dataclass(frozen=True)
class Drift:
    """A required setting of the bucket that is not as the contract has it."""

    id: str
    found: str
    advice: str


@dataclass(frozen=True)
class Former:
    """What the audit before found. ``marks`` is None where it found too much to keep."""

    found: Mapping[str, int]
    marks: frozenset[str] | None


NOTHING: Final = Former({}, frozenset())  # before the first audit: whatever it finds is fresh


@dataclass(frozen=True)
class Compared:
    """One audit beside the one before, to be kept."""

    found: Mapping[str, int]  # by kind, SETTING among them: problems only
    fresh: Mapping[str, int]
    gone: int | None  # problems of the one before that are no more; None: not known
    named: Sequence[Mapping[str, str]]  # the first fresh ones of each kind: kind, key, what
    marks: Sequence[str] | None

    @property
    def fresh_count(self) -> int:
        return sum(self.fresh.values())

    def as_fields(self) -> dict[str, Any]:
        """Return it as JSON without its marks."""
        return {"found": dict(self.found), "fresh": dict(self.fresh), "gone": self.gone, "named": list(self.named)}


@dataclass
class Comparison:
    """Takes the findings of one audit as they are made, and keeps marks of ``most`` at most."""

    former: Former = NOTHING
    most: int = MAX_MARKS
    _found: Counter[str] = field(default_factory=Counter)
    _fresh: Counter[str] = field(default_factory=Counter)
    _marks: set[str] = field(default_factory=set)
    _named: list[dict[str, str]] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Take a finding; what is no problem counts for nothing."""
        if finding.kind in PROBLEMS:
            self._add(finding.kind.value, finding.key, finding.what)

    def add_drift(self, drift: Drift) -> None:
        self._add(SETTING, drift.id, f"{drift.found}. {drift.advice}")

    def begin_again(self) -> None:
        """Forget what was taken: the audit begins anew."""
        for part in (self._found, self._fresh, self._marks, self._named):
            part.clear()

    def result(self) -> Compared:
        """Return what all of them come to."""
        is_whole = self._found.total() <= self.most
        known = self.former.marks
        if known is None:
            more = {kind: count - self.former.found.get(kind, 0) for kind, count in self._found.items()}
            return Compared(
                dict(self._found), {kind: count for kind, count in more.items() if count > 0}, None, (),
                sorted(self._marks) if is_whole else None,
            )  # fmt: skip
        gone = len(known - self._marks) if is_whole else None
        marks = sorted(self._marks) if is_whole else None
        return Compared(dict(self._found), dict(self._fresh), gone, self._named, marks)

    def _add(self, kind: str, key: str, what: str) -> None:
        mark = mark_of(kind, key)
        if mark in self._marks:
            return
        self._found[kind] += 1
        if len(self._marks) <= self.most:
            self._marks.add(mark)
        if self.former.marks is None or mark in self.former.marks:
            return
        self._fresh[kind] += 1
        if self._fresh[kind] <= NAMED:
            self._named.append({"kind": kind, "key": _shown(key), "what": _shown(what)})


def mark_of(kind: str, key: str) -> str:
    """Return what a problem is known again by.

    >>> mark_of("foreign", "a") == mark_of("foreign", "a"), mark_of("foreign", "a") == mark_of("missing", "a")
    (True, False)
    """
    text = f"{kind}\0{key}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=_MARK_BYTES).hexdigest()


def _shown(text: str) -> str:
    """Return a stranger's text as far as a database and a page can hold it."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:_MAX_TEXT])


def words(found: Mapping[str, int]) -> str:
    """Return counts by kind in words.

    >>> words({"foreign": 2, "setting": 1})
    '2 foreign objects and 1 setting that differs'
    >>> words({"missing": 1_000})
    '1,000 missing objects'
    """
    told = [_count(kind, found[kind]) for kind in (*_KINDS, SETTING) if found.get(kind)]
    return " and ".join(filter(None, (", ".join(told[:-1]), *told[-1:])))


_KINDS: Final = tuple(kind.value for kind in FindingKind if kind in PROBLEMS)


def _count(kind: str, count: int) -> str:
    if kind == SETTING:
        return f"{count:,} setting that differs" if count == 1 else f"{count:,} settings that differ"
    return f"{count:,} {kind} {'object' if count == 1 else 'objects'}"
