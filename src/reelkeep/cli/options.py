"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path, typer.Option("--data", help="The installation's data folder.", envvar="REELKEEP_DATA")]
DEFAULT_DATA = Path("var")
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]
Address = Annotated[
    str | None,
    typer.Option("--address", help="The company's address; the one you signed in to last if not given."),
]
ProductionName = Annotated[str, typer.Option("--production", "-p", help="Name, slug or id of the production.")]
Password = Annotated[
    Path | None,
    typer.Option("--password-file", help="Read the password from this file ('-' is standard input)."),
]


def read_password(file: Path | None, prompt: str, *, confirm: bool = False) -> str:
    """Return a password from a file, from standard input, or typed in without being shown."""
    if file is None:
        return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True))
    text = typer.get_text_stream("stdin").readline() if str(file) == "-" else file.read_text()
    return text.rstrip("\r\n")
