"""``reelkeep up``: the whole platform on this machine."""

from __future__ import annotations

import enum
import signal
from typing import Annotated

import typer

from reelkeep.cli.options import DEFAULT_DATA, Data
from reelkeep.isolation.lifetime import die_with


class S3(enum.Enum):
    EMBEDDED = "embedded"


def up(
    data: Data = DEFAULT_DATA,
    s3: Annotated[S3 | None, typer.Option(help="Run an object store on this machine, too.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 finds a free one.", min=0, max=65535)] = None,
    jobs: Annotated[int | None, typer.Option(help="Jobs at a time; the setting, or 1.", min=1)] = None,
    insecure_no_sandbox: Annotated[
        bool, typer.Option("--insecure-no-sandbox", help="Transcode without a sandbox. For demonstrations only.")
    ] = False,
    ready_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,  # end in order when this process ends
) -> int:
    """Run the whole platform on this machine until Ctrl-C."""
    from reelkeep.supervisor.up import run  # slow to import, and of no use to the other commands

    if parent is not None:
        die_with(parent, signal.SIGTERM)
    return run(
        data,
        s3_embedded=s3 is S3.EMBEDDED,
        port=port,
        jobs=jobs,
        insecure_no_sandbox=insecure_no_sandbox,
        ready_fd=ready_fd,
    )
