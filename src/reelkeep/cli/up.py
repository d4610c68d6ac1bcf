"""``reelkeep up``: the whole platform on this machine."""

from __future__ import annotations

import enum
import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from reelkeep.isolation.lifetime import die_with
from reelkeep.settings import load


class S3(enum.Enum):
    EMBEDDED = "embedded"


def up(
    data: Annotated[
        Path | None, typer.Option("--data", help="The installation's data folder; the setting, or ./var.")
    ] = None,
    s3: Annotated[S3 | None, typer.Option(help="Run an object store on this machine, too.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 finds a free one.", min=0, max=65535)] = None,
    tls: Annotated[
        int | None,
        typer.Option("--tls", help="Serve HTTPS on this port instead of HTTP; 0 finds a free one.", min=0, max=65535),
    ] = None,
    tls_proxy: Annotated[
        int | None,
        typer.Option(
            "--tls-proxy",
            help="Serve HTTPS on this port behind a load balancer that sends PROXY headers, version 2.",
            min=0,
            max=65535,
        ),
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Jobs at a time; the setting, or 1.", min=1)] = None,
    insecure_no_sandbox: Annotated[
        bool, typer.Option("--insecure-no-sandbox", help="Transcode without a sandbox. For demonstrations only.")
    ] = False,
    settings: Annotated[
        Path | None, typer.Option("--settings", help="A TOML or JSON file; REELKEEP_* variables win over it.")
    ] = None,
    ready_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,  # end in order when this process ends
) -> int:
    """Run the whole platform on this machine until Ctrl-C."""
    from reelkeep.supervisor.up import run  # slow to import, and of no use to the other commands

    if parent is not None:
        die_with(parent, signal.SIGTERM)
    chosen = load(
        os.environ,
        settings,
        data=data,
        s3_embedded=True if s3 is S3.EMBEDDED else None,
        port=port,
        tls_port=tls,
        tls_proxy_port=tls_proxy,
        jobs=jobs,
        insecure_no_sandbox=insecure_no_sandbox or None,
    )
    return run(chosen, ready_fd=ready_fd)
