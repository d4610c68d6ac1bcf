"""Options that several commands share."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from reelkeep.errors import RequestError
from reelkeep.media import FrameRate

MIN_RATE = 1_000

Data = Annotated[Path, typer.Option("--data", help="The installation's data folder.", envvar="REELKEEP_DATA")]
DEFAULT_DATA = Path("var")
CompanySlug = Annotated[str | None, typer.Option("--company", help="Slug of the company.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]
Address = Annotated[
    str | None,
    typer.Option("--address", help="The company's address; the one you signed in to last if not given."),
]
VersionId = Annotated[str, typer.Argument(help="Id of the version, as `reelkeep assets` shows it.", metavar="VERSION")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
ProductionName = Annotated[str, typer.Option("--production", "-p", help="Name, slug or id of the production.")]
LimitRate = Annotated[
    str | None,
    typer.Option("--limit-rate", help="Bytes a second at most, in all: 500k, 10M, 1.5G (powers of ten)."),
]
Password = Annotated[
    Path | None,
    typer.Option("--password-file", help="Read the password from this file ('-' is standard input)."),
]


def bytes_per_second(text: str | None) -> int | None:
    """Return a rate as a number; None for no limit.

    >>> bytes_per_second("1.5M"), bytes_per_second("800k"), bytes_per_second(None)
    (1500000, 800000, None)

    Raises:
        RequestError: it is no rate, or below 1,000 bytes a second.
    """
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([kKmMgG]?)", text.strip())
    rate = int(float(found[1]) * {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}[found[2].lower()]) if found else 0
    if rate < MIN_RATE:
        raise RequestError(f"{text!r} is no rate", advice="Write it as 500k, 10M or 1.5G bytes a second.")
    return rate


def frame_rate(text: str) -> FrameRate:
    """Return the exact rate that a text stands for: whole, a fraction, or the usual decimals of NTSC's rates.

    >>> [frame_rate(text).fraction for text in ("24", "23.976", "30000/1001")]
    [Fraction(24, 1), Fraction(24000, 1001), Fraction(30000, 1001)]

    Raises:
        RequestError: it is no rate from 1 to 240.
    """
    found = re.fullmatch(r"[0-9]{1,6}(?:/[0-9]{1,5}|\.[0-9]{1,3})?", text.strip())
    try:
        exact = Fraction(text.strip()) if found else Fraction(0)
    except ZeroDivisionError:
        exact = Fraction(0)
    if exact.denominator > 1 and "." in text:
        ntsc = Fraction(round(exact) * 1000, 1001)
        exact = ntsc if abs(exact - ntsc) < Fraction(1, 100) else exact
    if not 1 <= exact <= 240:
        raise RequestError(f"{text!r} is no frame rate", advice="Write it as 24, 23.976 or 30000/1001.")
    return FrameRate(exact.numerator, exact.denominator)


def read_password(file: Path | None, prompt: str, *, confirm: bool = False) -> str:
    """Return a password from a file, from standard input, or typed in without being shown."""
    if file is None:
        return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True))
    return read_secret(file)


def read_secret(file: Path) -> str:
    """Return the first line of a file, or of standard input for "-": what must not stand in a command line."""
    text = typer.get_text_stream("stdin").readline() if str(file) == "-" else file.read_text()
    return text.rstrip("\r\n")
