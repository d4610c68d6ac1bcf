"""``reelkeep up``: the whole platform on this machine."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from reelkeep.cli.options import DEFAULT_DATA, Data


class S3(enum.Enum):
    EMBEDDED = "embedded"


def up(
    data: Data = DEFAULT_DATA,
    s3: Annotated[S3 | None, typer.Option(help="Run an object store on this machine, too.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 finds a free one.", min=0, max=65535)] = None,
    insecure_no_sandbox: Annotated[
        bool, typer.Option("--insecure-no-sandbox", help="Transcode without a sandbox. For demonstrations only.")
    ] = False,
    ready_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> int:
    """Run the whole platform on this machine until Ctrl-C."""
    from reelkeep.supervisor.up import run  # slow to import, and of no use to the other commands

    return run(
        data,
        s3_embedded=s3 is S3.EMBEDDED,
        port=port,
        insecure_no_sandbox=insecure_no_sandbox,
        ready_fd=ready_fd,
    )
