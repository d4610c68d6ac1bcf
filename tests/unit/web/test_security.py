from __future__ import annotations

import pytest

from reelkeep import errors
from reelkeep.web.attempts import MAX_PER_ACCOUNT, MAX_PER_ADDRESS, WINDOW_SECONDS, SignInLimits
from reelkeep.web.errors import TooManyTries, WrongOrigin, body_of, headers_of, status_of
from reelkeep.web.security import check_origin, content_security_policy, host_of

OWN = "http://acme.localhost:8000"


class FakeClock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_an_unsafe_request_with_the_cookie_must_name_the_own_origin(method: str) -> None:
    check_origin(method, OWN, own_origin=OWN, has_cookie=True)
    for origin in (None, "null", "http://acme.localhost", "http://acme.localhost:8001", "https://acme.localhost:8000"):
        with pytest.raises(WrongOrigin):
            check_origin(method, origin, own_origin=OWN, has_cookie=True)


def test_a_program_needs_no_origin_but_may_not_name_a_foreign_one() -> None:
    check_origin("POST", None, own_origin=OWN, has_cookie=False)
    with pytest.raises(WrongOrigin):
        check_origin("POST", "http://evil.example", own_origin=OWN, has_cookie=False)


def test_the_policy_lets_the_page_talk_to_its_own_hosts_and_stores_only() -> None:
    policy = content_security_policy("https://acme.example", "https://acme-media.example", ["https://s3.example"])
    directives = dict(each.split(" ", 1) for each in policy.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["connect-src"] == ("'self' wss://acme.example https://acme-media.example https://s3.example")
    assert directives["img-src"] == "'self' blob: https://acme-media.example"
    assert directives["media-src"] == "blob:"
    assert directives["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy
    assert "*" not in policy


def test_the_host_of_an_origin_leaves_out_the_usual_port_only() -> None:
    assert host_of("https://acme.example:8443") == "acme.example:8443"
    assert host_of("http://acme.example:80") == "acme.example"


def test_every_error_of_the_tree_has_a_code_of_its_own_kind() -> None:
    expected = {
        errors.RequestError: 400, errors.NotFound: 404, errors.Forbidden: 403, errors.Conflict: 409,
        errors.SignInRequired: 401, errors.MediaError: 422, errors.StorageSetupError: 502,
        errors.DependencyError: 503, errors.IsolationError: 500, errors.ReelkeepError: 500,
    }  # fmt: skip
    assert {kind: status_of(kind()) for kind in expected} == expected
    for kind in expected:
        body = body_of(kind())["error"]
        assert body["message"]
        assert body["advice"].endswith(".")
        assert headers_of(kind())["Cache-Control"] == "no-store"


def test_wrong_tries_are_limited_by_account_and_end_with_the_window() -> None:
    clock = FakeClock()
    limits = SignInLimits(clock=clock)
    for number in range(MAX_PER_ACCOUNT):
        limits.begin("ada", f"address {number}")
    with pytest.raises(TooManyTries) as caught:
        limits.begin("ada", "elsewhere")
    assert caught.value.wait_seconds == WINDOW_SECONDS
    limits.begin("ben", "elsewhere")
    clock.now = WINDOW_SECONDS
    limits.begin("ada", "elsewhere")


def test_wrong_tries_are_limited_by_address_over_all_accounts() -> None:
    limits = SignInLimits(clock=FakeClock())
    for number in range(MAX_PER_ADDRESS):
        limits.begin(f"account {number}", "one address")
    with pytest.raises(TooManyTries):
        limits.begin("another", "one address")


def test_a_right_password_forgets_the_accounts_tries() -> None:
    limits = SignInLimits(clock=FakeClock())
    for _ in range(3):
        for _ in range(MAX_PER_ACCOUNT - 1):
            limits.begin("ada", "here")
        limits.succeeded("ada", "here")


def test_names_that_are_refused_push_nobody_out_of_the_count() -> None:
    limits = SignInLimits(clock=FakeClock())
    for number in range(MAX_PER_ACCOUNT):
        limits.begin("ada", f"192.0.2.{number}")
    for number in range(MAX_PER_ADDRESS):
        limits.begin(f"account {number}", "198.51.100.1")
    for number in range(30_000):
        with pytest.raises(TooManyTries):
            limits.begin(f"made up {number}", "198.51.100.1")
    with pytest.raises(TooManyTries):
        limits.begin("ada", "203.0.113.1")


def test_the_addresses_of_one_ipv6_network_count_as_one() -> None:
    limits = SignInLimits(clock=FakeClock())
    for number in range(MAX_PER_ADDRESS):
        limits.begin(f"account {number}", f"2001:db8::{number:x}")
    with pytest.raises(TooManyTries):
        limits.begin("another", "2001:db8::ffff:ffff:ffff:ffff")
    limits.begin("another", "2001:db8:0:1::1")


def test_memory_for_counting_is_bounded() -> None:
    limits = SignInLimits(clock=FakeClock())
    for number in range(30_000):
        limits.begin(f"account {number}", f"address {number}")
    assert len(limits._tries) <= 20_002
