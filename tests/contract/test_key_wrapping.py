"""The company's own key, on a stack of the contract's template in a model of AWS: what it wraps, and when it refuses.

What this model does not show, conditions on encryption contexts in policies, is an *emulator gap, not verified on AWS*;
the IAM simulator shows it (tests/unit/contract/test_policies.py).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.services import contract_stack as stacks
from tests.services import ministack as service
from tests.services.contract_stack import Stack

from reelkeep.errors import StorageSetupError
from reelkeep.ids import CompanyId, new_id
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection, Wrapped, WrappingKey
from reelkeep.storage.kms import KmsWrapping, WrappingKeyClosed
from reelkeep.storage.layout import MARKER
from reelkeep.storage.refusals import AWAY, OPEN
from reelkeep.storage.sts import StsBroker

COMPANY_KEY = bytes(range(32))


@pytest.fixture(scope="module")
def stack(ministack: service.Ministack) -> Stack:
    return stacks.deploy(ministack, stacks.parameters("wraps", CompanyKeyWrap="On"))


@pytest.fixture
def connection(ministack: service.Ministack, stack: Stack) -> StorageConnection:
    key = WrappingKey(stack.outputs["WrappingKeyArn"], CompanyId(new_id()))
    made = dataclasses.replace(stack.connection(ministack.endpoint_url), wrapping_key=key)
    probe = opened(ministack, made, Purpose.WRAP).wrap(b"nothing", Wrapped.PROBE)
    return dataclasses.replace(made, wrapping_key=dataclasses.replace(key, probe=probe))


def opened(ministack: service.Ministack, connection: StorageConnection, purpose: Purpose) -> KmsWrapping:
    broker = StsBroker(ministack.identity, lambda _: connection, "acme", session_seconds=900)
    scope = MARKER if purpose is Purpose.WATCH else ""
    return KmsWrapping(connection, lambda: broker.session(SessionRequest(connection.id, purpose, scope)), attempts=1)


def test_what_the_companys_key_wrapped_it_unwraps_for_its_own_purpose_company_and_connection_alone(
    ministack: service.Ministack, connection: StorageConnection
) -> None:
    wrapped = opened(ministack, connection, Purpose.WRAP).wrap(COMPANY_KEY, Wrapped.COMPANY_KEY)
    assert COMPANY_KEY not in wrapped
    own = opened(ministack, connection, Purpose.UNWRAP)
    assert own.unwrap(wrapped, Wrapped.COMPANY_KEY) == COMPANY_KEY
    with pytest.raises(WrappingKeyClosed):
        own.unwrap(wrapped, Wrapped.PROBE)
    assert connection.wrapping_key is not None
    elsewhere = dataclasses.replace(connection.wrapping_key, company_id=CompanyId(new_id()))
    with pytest.raises(WrappingKeyClosed):
        opened(ministack, dataclasses.replace(connection, wrapping_key=elsewhere), Purpose.UNWRAP).unwrap(
            wrapped, Wrapped.COMPANY_KEY
        )


def test_no_session_of_another_purpose_uses_the_key_and_who_unwraps_cannot_wrap(
    ministack: service.Ministack, connection: StorageConnection
) -> None:
    with pytest.raises(WrappingKeyClosed):
        opened(ministack, connection, Purpose.UNWRAP).wrap(COMPANY_KEY, Wrapped.COMPANY_KEY)
    broker = StsBroker(ministack.identity, lambda _: connection, "acme", session_seconds=900)
    session = broker.session(SessionRequest(connection.id, Purpose.PLAYBACK, "proxies/"))
    assert connection.wrapping_key is not None
    with pytest.raises(WrappingKeyClosed):
        KmsWrapping(connection, lambda: session).unwrap(connection.wrapping_key.probe, Wrapped.PROBE)


def disabled(kms: Any, key: str) -> Callable[[], Any]:
    kms.disable_key(KeyId=key)
    return lambda: kms.enable_key(KeyId=key)


def closed(kms: Any, key: str) -> Callable[[], Any]:
    before = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    nobody = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "kms:Decrypt", "Resource": "*"}
    document = json.loads(before)
    document["Statement"].append(nobody)
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(document))
    return lambda: kms.put_key_policy(KeyId=key, PolicyName="default", Policy=before)


@pytest.mark.parametrize("close", [disabled, closed])
def test_a_key_that_is_disabled_or_closed_refuses_with_words_for_the_cloud_team_and_opens_again(
    ministack: service.Ministack, connection: StorageConnection, close: Callable[[Any, str], Callable[[], Any]]
) -> None:
    assert connection.wrapping_key is not None
    wrapped = opened(ministack, connection, Purpose.WRAP).wrap(COMPANY_KEY, Wrapped.COMPANY_KEY)
    own, watching = (opened(ministack, connection, one) for one in (Purpose.UNWRAP, Purpose.WATCH))
    assert watching.look() is OPEN
    undo = close(ministack.client("kms", service.COMPANY_ACCOUNT), connection.wrapping_key.arn)
    try:
        with pytest.raises(StorageSetupError, match="own key") as refused:
            own.unwrap(wrapped, Wrapped.COMPANY_KEY)
        assert "enable the wrapping key" in refused.value.advice()
        assert watching.look().is_refused
    finally:
        undo()
    assert watching.look() is OPEN
    assert own.unwrap(wrapped, Wrapped.COMPANY_KEY) == COMPANY_KEY


def test_a_key_service_that_does_not_answer_is_away_and_no_refusal(
    ministack: service.Ministack, connection: StorageConnection
) -> None:
    broker = StsBroker(ministack.identity, lambda _: connection, "acme", session_seconds=900)
    session = broker.session(SessionRequest(connection.id, Purpose.WATCH, MARKER))
    nowhere = dataclasses.replace(connection, sts_endpoint_url="http://127.0.0.1:9")
    assert KmsWrapping(nowhere, lambda: session, attempts=1).look() is AWAY
