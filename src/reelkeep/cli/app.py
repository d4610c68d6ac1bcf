"""Wires the commands together and turns errors into sentences and exit codes.

Commands of users (login, production, upload, assets, facts, download, remake, delete, deleted, restore, processes)
speak to a company's HTTP API. Commands of the operator (up, upgrade, demo, company, user, storage, cert, support,
network) work on the data folder, on the machine where the installation runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from reelkeep.cli import exits, output
from reelkeep.cli.assets import assets
from reelkeep.cli.cert import cert
from reelkeep.cli.certificate import certificate
from reelkeep.cli.company import company
from reelkeep.cli.deletions import delete, deleted, restore
from reelkeep.cli.demo import demo
from reelkeep.cli.download import download
from reelkeep.cli.facts import facts
from reelkeep.cli.login import login
from reelkeep.cli.network import network
from reelkeep.cli.processes import processes
from reelkeep.cli.production import production
from reelkeep.cli.production_lut import lut
from reelkeep.cli.remake import remake
from reelkeep.cli.storage import storage
from reelkeep.cli.storage_template import template
from reelkeep.cli.support import support
from reelkeep.cli.up import up
from reelkeep.cli.upgrade import upgrade
from reelkeep.cli.upload import upload
from reelkeep.cli.user import user
from reelkeep.errors import ReelkeepError
from reelkeep.isolation.nameless_log import hide_last_words

app = typer.Typer(
    name="reelkeep",
    help="Self-hosted film review and streaming in which the studio keeps the reels.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (up, upgrade, demo, login, upload, assets, facts, download, remake, delete, deleted, restore, processes):
    app.command()(command)
storage.command("template")(template)
production.add_typer(lut)
for group in (company, production, user, storage, cert, certificate, support, network):
    app.add_typer(group)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (docs/cli.md)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    hide_last_words()  # a defect of an operator's command may quote a company's row
    try:
        result = app(given, standalone_mode=False)
    except ReelkeepError as error:
        output.show_error(error, as_json=as_json)
        return exits.exit_code(error)
    except typer.TyperException as error:
        output.people.print(error.format_message(), markup=False, soft_wrap=True)
        return exits.USAGE
    except (KeyboardInterrupt, typer.Abort):
        result = exits.INTERRUPTED
    if result == exits.INTERRUPTED:
        output.note("Stopped. What was begun goes on when you run the same command again.")
    return result if isinstance(result, int) else exits.DONE
