"""Estimates of a month's bill: tiers, KMS, a replica, plans, and tables of prices that cannot be used."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reelkeep.companies import watch
from reelkeep.custody import cost as cost_module
from reelkeep.custody.cost import EXAMPLE, GB, Estimate, Plan, PricesRefused, Usage, estimate, of_plan, read_prices
from reelkeep.custody.shipped import estimate_fields, shipped_prices

TB = 1024 * GB


def cost(found: Estimate, what: str) -> Decimal:
    return sum((line.cost for line in found.lines if line.what == what), Decimal(0))


def test_the_table_that_comes_along_is_dated_and_its_tiers_follow_each_other() -> None:
    prices = read_prices(shipped_prices())
    assert prices.looked_up.year >= 2026
    assert prices.source
    found = estimate(Usage(original_bytes=40 * TB, proxy_bytes=20 * TB), prices)
    assert cost(found, "originals") == Decimal("942.08")  # 40,960 GB at 0.023
    assert cost(found, "proxies") == Decimal("460.80")  # 10,240 GB at 0.023, and 10,240 at 0.022
    out = estimate(Usage(transfer_out_bytes=11 * TB), prices)
    assert cost(out, "transfer out") == Decimal("999.64")  # 100 free, 10,140 at 0.09, 1,024 at 0.085


def test_a_bucket_key_takes_most_requests_to_kms_away() -> None:
    usage = Usage(write_requests=1_000_000, read_requests=9_000_000)
    totals = estimate(usage, read_prices(EXAMPLE)).totals
    assert totals["SSE-KMS without a bucket key"] - totals["SSE-S3"] == Decimal("31.00")  # 10 million, and the key
    assert totals["SSE-KMS with a bucket key"] - totals["SSE-S3"] == Decimal("1.30")


def test_a_wrapping_key_costs_its_month_its_looks_and_its_openings_however_objects_are_encrypted() -> None:
    assert pytest.approx(watch.LOOK_SECONDS * (1 - watch.JITTER / 2)) == cost_module.LOOK_SECONDS
    usage = Usage(in_use_seconds=2_850_000, process_starts=1_000_000)
    without, with_one = (estimate(usage, read_prices(EXAMPLE), with_wrapping_key=key).totals for key in (False, True))
    assert {with_one[name] - without[name] for name in without} == {Decimal("7.00")}  # the key, and 2 million requests
    all_month = estimate(of_plan(Plan(0)), read_prices(EXAMPLE), with_wrapping_key=True)
    assert cost(all_month, "uses of the wrapping key, at most") == Decimal("2.73")  # 909,474 looks, 30 processes


def test_a_replica_is_stored_sent_and_written_once_more() -> None:
    usage = Usage(original_bytes=100 * GB, new_bytes=10 * GB, write_requests=100_000)
    without, with_one = (
        estimate(usage, read_prices(EXAMPLE), with_replica=replica).totals["SSE-S3"] for replica in (False, True)
    )
    assert with_one - without == Decimal("2.70")  # 2.00 stored, 0.20 sent, 0.50 for requests


def test_a_plan_grows_by_the_month_and_its_copies_lie_for_two_weeks() -> None:
    one, twelve = (of_plan(Plan(10, months=months, prepared_hours_a_month=3)) for months in (1, 12))
    assert twelve.original_bytes == 12 * one.original_bytes
    assert twelve.new_bytes == one.new_bytes
    assert one.download_bytes * 30 == pytest.approx(one.original_bytes * 0.3 * 14)
    assert of_plan(Plan(0, in_use_hours_a_month=0)) == Usage(process_starts=30)


def test_amounts_add_up() -> None:
    assert Usage(1, 2, 3, 4, 5, 6, 7, 8, 9) + Usage(original_bytes=1, new_bytes=3) == Usage(2, 2, 3, 4, 5, 6, 10, 8, 9)


def test_programs_get_decimal_texts_and_the_date_of_the_prices() -> None:
    fields = estimate_fields(Usage(original_bytes=GB), estimate(Usage(original_bytes=GB), read_prices(EXAMPLE)))
    assert (fields["month"]["SSE-S3"], fields["prices_looked_up"]) == ("0.02", "2026-01-01")
    assert fields["lines"][0] == {"what": "originals", "amount": "1.00", "unit": "GB", "cost": "0.02"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('currency = "USD"', "", "has no currency"),
        ("looked_up = 2026-01-01", 'looked_up = "soon"', "has no date looked_up"),
        ("kms_key_month = 1", "kms_key_month = -1", "kms_key_month is no price"),
        ("kms_key_month = 1", "kms_key_month = nan", "kms_key_month is no price"),
        ("kms_key_month = 1", "kms_key_month = true", "kms_key_month is no price"),
        ("[[100, 0.0], [0, 0.09]]", "[[0, 0.09], [100, 0.0]]", "do not rise"),
        ("[[100, 0.0], [0, 0.09]]", "[[100, 0.0]]", "do not rise"),
        ("[[100, 0.0], [0, 0.09]]", "[]", "no list of tiers"),
        ("kms_key_month = 1", "kms_key_month = 1\nkms_keys = 2", "names kms_keys"),
        ("kms_key_month = 1", "kms_key_month =", "no TOML"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_words(old: str, new: str, words: str) -> None:
    assert old in EXAMPLE
    with pytest.raises(PricesRefused, match=words):
        read_prices(EXAMPLE.replace(old, new))
