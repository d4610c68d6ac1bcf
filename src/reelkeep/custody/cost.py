"""What a bucket costs its company in a month, from amounts and a table of prices. Pure; no I/O.

Compute is not in it: the operator runs that. Requests to KMS follow the Amazon S3 User Guide: without a bucket key each
request for an object is one to KMS; with one, S3 asks KMS for a key that it uses for a while, which takes away up to
99 of 100 requests ("Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys").

A wrapping key of the company's own costs what any KMS key does, and a request for each look of the watch and each
process that opens the company key (docs/adr/0017-wrapping-key.md).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from reelkeep.errors import RequestError

GB: Final = 1 << 30  # as on Amazon's bills
DOWNLOAD_DAYS: Final = 14  # that a prepared download lies in the bucket (H9)
MONTH_DAYS: Final = 30
BUCKET_KEY_SHARE: Final = Decimal("0.01")  # of the requests to KMS that are left with a bucket key, at best
LOOK_SECONDS: Final = 2.85  # between looks of companies.watch while media is in use: 3, up to a tenth sooner
SECONDS_IN_A_BUNDLE: Final = 8  # packaging.bundles: four segments of two seconds
MAX_PRICE: Final = Decimal(1_000_000)

Tier = tuple[Decimal, Decimal]  # up to so many GB (0: no end), price of one


class PricesRefused(RequestError):
    """The table of prices cannot be used."""

    code = "prices"
    default_advice = "Begin from the table that `reelkeep storage estimate --print-prices` prints."


@dataclass(frozen=True)
class Prices:
    """One region's prices; see ``prices.toml`` for what each is the price of."""

    currency: str
    region: str
    store: str
    looked_up: date
    source: str
    storage_gb_month: Sequence[Tier]
    write_requests_1000: Decimal
    read_requests_1000: Decimal
    transfer_out_gb: Sequence[Tier]
    kms_requests_10000: Decimal
    kms_key_month: Decimal
    replica_storage_gb_month: Sequence[Tier]
    replica_transfer_gb: Decimal


@dataclass(frozen=True)
class Usage:
    """Amounts of one month. Stored bytes are those that lie there on its average day."""

    original_bytes: int = 0
    proxy_bytes: int = 0
    download_bytes: int = 0  # prepared copies, on an average day
    write_requests: int = 0
    read_requests: int = 0
    transfer_out_bytes: int = 0
    new_bytes: int = 0  # written in this month: a replica has them sent
    in_use_seconds: int = 0  # in which media was in use, at most: the watch looks then
    process_starts: int = 0  # of processes that open the company key

    def __add__(self, other: Usage) -> Usage:
        return Usage(*(mine + theirs for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True)))


@dataclass(frozen=True)
class Plan:
    """What a company means to do, in hours of film."""

    hours_a_month: float  # uploaded in each month
    months: int = 1  # after so many: what was uploaded until then lies there
    original_mbps: float = 180.0  # ProRes 422 at 1080p and 24 frames a second has about this; 2160p about four times it
    proxy_mbps: float = 12.0  # all renditions together; their caps add up to 21 for a 1080p film
    part_bytes: int = 16 << 20
    watched_hours_a_month: float = 0.0
    watched_mbps: float = 8.0
    in_use_hours_a_month: float = 24.0 * MONTH_DAYS  # in which somebody watches or uploads, or a job works
    downloaded_hours_a_month: float = 0.0  # originals
    prepared_hours_a_month: float = 0.0  # copies that lie for 14 days, as large as an original


@dataclass(frozen=True)
class Line:
    what: str
    amount: Decimal
    unit: str
    cost: Decimal


@dataclass(frozen=True)
class Estimate:
    """A month's costs. Of the three ways of encryption one applies; ``totals`` names each."""

    prices: Prices
    lines: Sequence[Line]
    kms_lines: Mapping[str, Line]  # "with a bucket key", "without a bucket key"

    @property
    def totals(self) -> dict[str, Decimal]:
        """Return the month's total for SSE-S3, and for SSE-KMS with and without a bucket key."""
        plain = sum((line.cost for line in self.lines), Decimal(0))
        found = {"SSE-S3": plain}
        for name, line in self.kms_lines.items():
            found[f"SSE-KMS {name}"] = plain + line.cost + self.prices.kms_key_month
        return found


def estimate(usage: Usage, prices: Prices, *, with_replica: bool = False, with_wrapping_key: bool = False) -> Estimate:
    """Return what a month costs.

    >>> prices = read_prices(EXAMPLE)
    >>> month = estimate(Usage(original_bytes=100 * GB, write_requests=10_000, read_requests=1_000_000), prices)
    >>> [(line.what, str(line.cost)) for line in month.lines if line.cost]
    [('originals', '2.00'), ('write requests', '0.05'), ('read requests', '0.40')]
    >>> {name: str(total) for name, total in month.totals.items()}["SSE-KMS without a bucket key"]
    '6.48'
    >>> str(estimate(Usage(original_bytes=100 * GB, new_bytes=50 * GB), prices, with_replica=True).totals["SSE-S3"])
    '5.00'
    """
    stored = [
        ("originals", usage.original_bytes),
        ("proxies", usage.proxy_bytes),
        ("prepared downloads", usage.download_bytes),
    ]
    lines = _stored(stored, prices.storage_gb_month)
    writes, reads = Decimal(usage.write_requests), Decimal(usage.read_requests)
    lines.append(_line("write requests", writes, "requests", writes / 1_000 * prices.write_requests_1000))
    lines.append(_line("read requests", reads, "requests", reads / 1_000 * prices.read_requests_1000))
    out = _gb(usage.transfer_out_bytes)
    lines.append(_line("transfer out", out, "GB", _tiered(out, prices.transfer_out_gb)))
    if with_replica:
        total = sum(size for _, size in stored)
        lines += _stored([("replica", total)], prices.replica_storage_gb_month)
        sent = _gb(usage.new_bytes)
        lines.append(_line("transfer to the replica", sent, "GB", sent * prices.replica_transfer_gb))
        lines.append(_line("requests of the replica", writes, "requests", writes / 1_000 * prices.write_requests_1000))
    if with_wrapping_key:
        looks = Decimal(usage.in_use_seconds) / Decimal(str(LOOK_SECONDS)) + usage.process_starts
        lines.append(_line("wrapping key", Decimal(1), "key", prices.kms_key_month))
        asked = looks / 10_000 * prices.kms_requests_10000
        lines.append(_line("uses of the wrapping key, at most", looks, "requests", asked))
    kms = {}
    for name, share in (("with a bucket key", BUCKET_KEY_SHARE), ("without a bucket key", Decimal(1))):
        asked = (writes + reads) * share
        kms[name] = _line("requests to KMS", asked, "requests", asked / 10_000 * prices.kms_requests_10000)
    return Estimate(prices, lines, kms)


def of_plan(plan: Plan) -> Usage:
    """Return the amounts of the plan's last month.

    >>> month = of_plan(Plan(hours_a_month=1, months=2, original_mbps=8, proxy_mbps=4, part_bytes=10**9))
    >>> month.original_bytes, month.proxy_bytes, month.new_bytes
    (7200000000, 3600000000, 5400000000)
    >>> month.write_requests  # four parts, the upload's two, and a bundle for 8 seconds of each of four renditions
    1806
    """
    new_original, new_proxy = (
        _bytes(plan.hours_a_month, plan.original_mbps),
        _bytes(plan.hours_a_month, plan.proxy_mbps),
    )
    prepared = _bytes(plan.prepared_hours_a_month, plan.original_mbps)
    watched = _bytes(plan.watched_hours_a_month, plan.watched_mbps)
    downloaded = _bytes(plan.downloaded_hours_a_month, plan.original_mbps)
    bundles = round(plan.hours_a_month * 3_600 / SECONDS_IN_A_BUNDLE) * 4
    parts = -(-new_original // plan.part_bytes)
    reads_of_jobs = -(-new_original // (8 << 20))
    watched_bundles = round(plan.watched_hours_a_month * 3_600 / SECONDS_IN_A_BUNDLE) * 2  # picture and sound
    return Usage(
        original_bytes=new_original * plan.months,
        proxy_bytes=new_proxy * plan.months,
        download_bytes=prepared * DOWNLOAD_DAYS // MONTH_DAYS,
        write_requests=parts + (2 if parts else 0) + bundles + -(-prepared // plan.part_bytes),
        read_requests=reads_of_jobs + watched_bundles + -(-(downloaded + prepared) // plan.part_bytes),
        transfer_out_bytes=new_original + watched + downloaded + prepared,
        new_bytes=new_original + new_proxy,
        in_use_seconds=round(plan.in_use_hours_a_month * 3_600),
        process_starts=MONTH_DAYS + round(plan.hours_a_month),  # a media process a day, a job for each hour of film
    )


def read_prices(text: str) -> Prices:
    """Read a table of prices (TOML); raise PricesRefused.

    >>> read_prices("currency = 1")
    Traceback (most recent call last):
    ...
    reelkeep.custody.cost.PricesRefused: the table of prices has no currency
    """
    try:
        found = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise PricesRefused(f"the table of prices is no TOML: {str(error)[:100]}") from None
    values: dict[str, Any] = {}
    for name, kind in Prices.__annotations__.items():
        value = found.pop(name, None)
        if kind == "str" and not isinstance(value, str):
            raise PricesRefused(f"the table of prices has no {name}")
        if kind == "date" and type(value) is not date:
            raise PricesRefused(f"the table of prices has no date {name}")
        if kind == "Decimal":
            value = _price(name, value)
        if kind == "Sequence[Tier]":
            value = _tiers(name, value)
        values[name] = value
    if found:
        raise PricesRefused(f"the table of prices names {str(next(iter(found)))[:40]}, which is no price here")
    return Prices(**values)


def _price(name: str, value: object) -> Decimal:
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        price = Decimal(value)
        if price.is_finite() and 0 <= price <= MAX_PRICE:
            return price
    raise PricesRefused(f"{name} is no price")


def _tiers(name: str, value: object) -> Sequence[Tier]:
    tiers = [] if not isinstance(value, list) else value
    if not tiers or any(not isinstance(one, list) or len(one) != 2 for one in tiers):
        raise PricesRefused(f"{name} is no list of tiers [up_to_gb, price]")
    found = [(_price(name, up_to), _price(name, price)) for up_to, price in tiers]
    ends = [up_to for up_to, _ in found]
    if ends[-1] != 0 or 0 in ends[:-1] or sorted(ends[:-1]) != ends[:-1]:
        raise PricesRefused(f"the tiers of {name} do not rise to a last one with 0, which has no end")
    return found


def _tiered(amount: Decimal, tiers: Sequence[Tier], before: Decimal = Decimal(0)) -> Decimal:
    """Return the price of ``amount`` on top of what came ``before`` it in the tiers."""
    cost, start = Decimal(0), Decimal(0)
    for up_to, price in tiers:
        end = up_to or max(before + amount, start)
        cost += max(min(before + amount, end) - max(before, start), Decimal(0)) * price
        start = end
    return cost


def _stored(sizes: Sequence[tuple[str, int]], tiers: Sequence[Tier]) -> list[Line]:
    lines, before = [], Decimal(0)
    for what, size in sizes:
        amount = _gb(size)
        lines.append(_line(what, amount, "GB", _tiered(amount, tiers, before)))
        before += amount
    return lines


def _line(what: str, amount: Decimal, unit: str, cost: Decimal) -> Line:
    cent = Decimal("0.01")
    shown = amount.quantize(cent if unit == "GB" else Decimal(1), ROUND_HALF_UP)
    return Line(what, shown, unit, cost.quantize(cent, ROUND_HALF_UP))


def _gb(size_bytes: int) -> Decimal:
    return Decimal(size_bytes) / GB


def _bytes(hours: float, mbps: float) -> int:
    return round(hours * 3_600 * mbps * 1_000_000 / 8)


EXAMPLE: Final = """
currency = "USD"
region = "here"
store = "a store"
looked_up = 2026-01-01
source = "made up"
storage_gb_month = [[0, 0.02]]
write_requests_1000 = 0.005
read_requests_1000 = 0.0004
transfer_out_gb = [[100, 0.0], [0, 0.09]]
kms_requests_10000 = 0.03
kms_key_month = 1
replica_storage_gb_month = [[0, 0.02]]
replica_transfer_gb = 0.02
"""
