"""``reelkeep storage estimate``: what a bucket costs its company in a month, before or after."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reelkeep.cli import output
from reelkeep.cli.options import DEFAULT_DATA, CompanySlug, Data, Json
from reelkeep.errors import RequestError

if TYPE_CHECKING:
    from reelkeep.custody.cost import Estimate, Usage

Hours = Annotated[
    float | None,
    typer.Option("--hours", min=0, help="Hours of film uploaded in a month: a plan. Else what a company holds now."),
]
Months = Annotated[int, typer.Option("--months", min=1, max=1_200, help="Plan: the bill of the month after so many.")]
OriginalMbps = Annotated[float, typer.Option("--original-mbps", min=0.01, help="Plan: megabits for a second of film.")]
ProxyMbps = Annotated[float, typer.Option("--proxy-mbps", min=0.01, help="Plan: of all renditions together.")]
Watched = Annotated[float, typer.Option("--watched", min=0, help="Plan: hours watched in a month.")]
Downloaded = Annotated[float, typer.Option("--downloaded", min=0, help="Plan: hours of originals fetched in a month.")]
Prepared = Annotated[float, typer.Option("--prepared", min=0, help="Plan: hours of copies that lie for 14 days.")]
InUse = Annotated[
    float,
    typer.Option(
        "--in-use", min=0, max=744, help="Plan: hours in which somebody watches or uploads, or a job works; else all."
    ),
]
WrappingKey = Annotated[
    bool, typer.Option("--wrapping-key", help="With a KMS key of the company's own that wraps its company key.")
]
PriceFile = Annotated[Path | None, typer.Option("--prices", help="Your own table of prices (TOML).")]
PrintPrices = Annotated[bool, typer.Option("--print-prices", help="Print the table that comes with Reelkeep.")]
Replica = Annotated[bool, typer.Option("--replica", help="With a second bucket in another region.")]


def estimate(
    company: CompanySlug = None,
    hours: Hours = None,
    months: Months = 1,
    original_mbps: OriginalMbps = 180.0,
    proxy_mbps: ProxyMbps = 12.0,
    watched: Watched = 0.0,
    downloaded: Downloaded = 0.0,
    prepared: Prepared = 0.0,
    in_use: InUse = 720.0,
    wrapping_key: WrappingKey = False,
    replica: Replica = False,
    prices: PriceFile = None,
    print_prices: Annotated[
        bool, typer.Option("--print-prices", help="Print the table that comes with Reelkeep.")
    ] = False,
    data: Data = DEFAULT_DATA,
    as_json: Json = False,
) -> None:
    """Estimate a month's bill for a bucket: of a plan (--hours), or of what a company holds and did in 30 days."""
    from reelkeep.custody.cost import Plan, of_plan, read_prices
    from reelkeep.custody.cost import estimate as price
    from reelkeep.custody.shipped import estimate_fields, shipped_prices

    if print_prices:
        typer.echo(shipped_prices(), nl=False)
        return
    table = read_prices(_text(prices) if prices else shipped_prices())
    if hours is None:
        usage, has_key = _usage(company, data)
        wrapping_key = wrapping_key or has_key
    else:
        plan = Plan(
            hours,
            months,
            original_mbps,
            proxy_mbps,
            watched_hours_a_month=watched,
            downloaded_hours_a_month=downloaded,
            prepared_hours_a_month=prepared,
            in_use_hours_a_month=in_use,
        )
        usage = of_plan(plan)
    found = price(usage, table, with_replica=replica, with_wrapping_key=wrapping_key)
    if as_json:
        output.show(estimate_fields(usage, found), "", as_json=True)
    else:
        _tell(found)


def _usage(company: str | None, data: Path) -> tuple[Usage, bool]:
    """Return what the company used in 30 days, and whether a key of its own wraps its company key."""
    from reelkeep.cli.installation import Installation
    from reelkeep.custody.usage import of_month

    installation = Installation(data)
    chosen = installation.company(company)
    with installation.on_company(chosen) as conn:
        usage = of_month(conn, datetime.now(UTC))
    return usage, chosen.key_connection_id is not None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise RequestError(f"the table of prices {path} cannot be read", advice="Name a TOML file.") from None


def _tell(found: Estimate) -> None:
    table = found.prices
    lines = [(line.what, line) for line in found.lines]
    lines += [(f"{line.what} {name}", line) for name, line in found.kms_lines.items()]
    rows = [(what, f"{line.amount:,} {line.unit}", f"{line.cost:,}") for what, line in lines]
    output.show_table(("a month", "amount", table.currency), rows)
    output.show_table(("in all", table.currency), [(name, f"{total:,}") for name, total in found.totals.items()])
    output.note(f"Prices of {table.store} in {table.region}, looked up {table.looked_up}: {table.source}.")
