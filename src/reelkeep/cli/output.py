"""What commands show: sentences and progress bars for people on stderr, or one JSON object on stdout for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from reelkeep.errors import ReelkeepError, sentence
from reelkeep.transfer.interface import OnProgress
from reelkeep.transfer.interface import Progress as Moment

people = Console(stderr=True, highlight=False)


def show(fields: Mapping[str, Any], sentence: str, *, as_json: bool) -> None:
    """Print the result of a command: the object for programs, or the sentence for people."""
    if as_json:
        text = json.dumps(fields, ensure_ascii=False)
        # A file name that is no UTF-8 holds lone surrogates; escaped like this they are JSON's own escapes.
        sys.stdout.write(text.encode(errors="backslashreplace").decode() + "\n")
        sys.stdout.flush()
    else:
        Console(highlight=False).print(escape(sentence), soft_wrap=True)


def show_error(error: ReelkeepError, *, as_json: bool) -> None:
    """Print one sentence and what to do next."""
    if as_json:
        show({"error": error_fields(error)}, "", as_json=True)
    else:
        people.print(f"[red]{escape(sentence(error.message))}[/] {escape(error.advice())}", soft_wrap=True)


def error_fields(error: ReelkeepError) -> dict[str, str]:
    """Return what programs get to know of an error."""
    return {"code": error.code, "message": sentence(error.message), "advice": error.advice()}


def note(sentence: str) -> None:
    """Tell a person something on the way."""
    people.print(f"[dim]{escape(sentence)}[/]", soft_wrap=True)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, whole: int = 0) -> None:
    """Print a table.

    Args:
        whole: so many columns from the left are never wrapped: names that are copied.
    """
    table = Table(box=None, pad_edge=False, header_style="dim")
    for number, column in enumerate(columns):
        table.add_column(column, no_wrap=number < whole)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    Console(highlight=False).print(table)


@contextmanager
def bar(title: str, *, as_json: bool) -> Iterator[OnProgress | None]:
    """Show a progress bar with rate and time left while the block runs; nothing for programs.

    The rate and the time left are rich's, made from the same moments.
    """
    if as_json:
        yield None
        return
    with _progress() as shown:
        task = shown.add_task(title, total=None)

        def update(moment: Moment) -> None:
            shown.update(task, total=moment.total_bytes, completed=moment.done_bytes)

        yield update


@contextmanager
def counter(title: str, *, as_json: bool) -> Iterator[Callable[[int, int], None]]:
    """Show how many of how many things are done, with rate and time left, while the block runs; nothing for programs.

    Yields:
        A function to call with (done, in all). There may be more in the end than were expected.
    """
    if as_json:
        yield lambda _done, _total: None
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=people, expand=True, transient=True) as shown:
        task = shown.add_task(title, total=None, rate="")

        def update(done: int, total: int) -> None:
            elapsed = shown.tasks[0].elapsed or 0.0
            rate = f"{done / elapsed:,.0f}/s" if elapsed > 0 else ""
            shown.update(task, total=max(total, done), completed=done, rate=rate)

        yield update


class Board:
    """A bar for everything, and one for each file under way; each with its rate and the time left.

    Args:
        shown: None for programs: nothing is shown.
    """

    def __init__(self, shown: Progress | None, title: str) -> None:
        self._shown = shown
        self._whole = shown.add_task(title, total=None) if shown is not None else None
        self._files: dict[str, TaskID] = {}

    def on_whole(self, moment: Moment) -> None:
        if self._shown is not None and self._whole is not None:
            self._shown.update(self._whole, total=moment.total_bytes, completed=moment.done_bytes)

    def on_file(self, name: str, moment: Moment | None) -> None:
        """Show how far a file is; None takes its bar away."""
        if self._shown is None:
            return
        if moment is None:
            task = self._files.pop(name, None)
            if task is not None:
                self._shown.remove_task(task)
            return
        if name not in self._files:
            self._files[name] = self._shown.add_task(f"  {name}", total=moment.total_bytes)
        self._shown.update(self._files[name], completed=moment.done_bytes)


def files(count: int) -> str:
    """Return a count of files in words.

    >>> files(1), files(1200)
    ('1 file', '1,200 files')
    """
    return "1 file" if count == 1 else f"{count:,} files"


@contextmanager
def board(title: str, *, as_json: bool) -> Iterator[Board]:
    """Show the bars of a transfer of many files while the block runs, and take them away; nothing for programs."""
    if as_json:
        yield Board(None, title)
        return
    with _progress(leave=False) as shown:
        yield Board(shown, title)


def _progress(*, leave: bool = True) -> Progress:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        DownloadColumn(binary_units=False),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
    )
    return Progress(*columns, console=people, expand=True, transient=not leave)
