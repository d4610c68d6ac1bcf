"""What an answer of the store says: only a plain no is a refusal."""

from __future__ import annotations

import pytest

from reelkeep.storage.connection_states import ConnectionState, Revocation, refusal
from reelkeep.storage.refusals import GET_CODES, Answer, of_get


@pytest.mark.parametrize(
    ("code", "status", "answer", "by"),
    [
        ("AccessDenied", 403, Answer.REFUSED, Revocation.BUCKET),
        ("AllAccessDisabled", 403, Answer.REFUSED, Revocation.BUCKET),
        ("", 403, Answer.REFUSED, Revocation.BUCKET),
        ("NoSuchBucket", 404, Answer.REFUSED, Revocation.BUCKET_GONE),
        ("NoSuchKey", 404, Answer.REFUSED, Revocation.MARKER),
        ("KMS.DisabledException", 400, Answer.REFUSED, Revocation.KEY),
        ("KMS.KMSInvalidStateException", 400, Answer.REFUSED, Revocation.KEY),
        ("InvalidAccessKeyId", 403, Answer.STALE, None),
        ("ExpiredToken", 400, Answer.STALE, None),
        ("SlowDown", 503, Answer.AWAY, None),
        ("InternalError", 500, Answer.AWAY, None),
        ("AccessDenied", 503, Answer.AWAY, None),  # a store that is falling over says many things
        ("KMS.ThrottlingException", 400, Answer.AWAY, None),
        ("KMS.KMSInternalException", 500, Answer.AWAY, None),
        ("RequestTimeTooSkewed", 403, Answer.AWAY, None),
        ("SignatureDoesNotMatch", 403, Answer.AWAY, None),
        ("PermanentRedirect", 301, Answer.AWAY, None),
        ("", 429, Answer.AWAY, None),
        ("", 0, Answer.AWAY, None),
        ("Unheard", 400, Answer.AWAY, None),
    ],
)
def test_an_answer_is_a_refusal_only_if_it_is_a_plain_no(
    code: str, status: int, answer: Answer, by: Revocation | None
) -> None:
    told = of_get(code, status)
    assert (told.answer, told.by) == (answer, by)


def test_every_refusal_says_by_what_in_words() -> None:
    told = {refusal(ConnectionState.REVOKED, "main", verdict.by) for verdict in GET_CODES.values() if verdict.by}
    told |= {refusal(ConnectionState.REVOKED, "main", by) for by in Revocation}
    assert len(told) == len(Revocation)
    assert all(why is not None and why[0].startswith("the company has taken back the right") for why in told)
