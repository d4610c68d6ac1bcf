import botocore.exceptions
import obstore.exceptions
import pytest

from reelkeep.errors import DependencyError, NotFound, ReelkeepError, RequestError, StorageSetupError
from reelkeep.storage.translate import S3_CODES, ChecksumMismatch, ObjectThere, botocore_errors, obstore_errors, of_code


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("NoSuchKey", 404, NotFound),
        ("404", 404, NotFound),
        ("NoSuchBucket", 404, StorageSetupError),
        ("AccessDenied", 403, StorageSetupError),
        ("403", 403, StorageSetupError),
        ("PreconditionFailed", 412, ObjectThere),
        ("BadDigest", 400, ChecksumMismatch),
        ("ExpiredToken", 400, DependencyError),
        ("SlowDown", 503, DependencyError),
        ("", 500, DependencyError),
        ("Unheard", 429, DependencyError),
        ("KMS.Whatever", 400, StorageSetupError),
        ("InvalidArgument", 400, RequestError),
    ],
)
def test_a_code_of_the_store_says_who_must_act(code: str, status: int, kind: type[ReelkeepError]) -> None:
    assert type(of_code(code, status)) is kind


def test_every_row_of_the_table_has_a_sentence_and_advice() -> None:
    for kind, message in S3_CODES.values():
        error = kind(message)
        assert error.message[0].islower()
        assert not error.message.endswith(".")
        assert error.advice().endswith(".")


def test_a_store_that_gives_no_answer_is_away() -> None:
    with pytest.raises(DependencyError), botocore_errors():
        raise botocore.exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:1")


def test_a_fault_of_ours_is_not_dressed_up_as_the_stores() -> None:
    with pytest.raises(botocore.exceptions.ParamValidationError), botocore_errors():
        raise botocore.exceptions.ParamValidationError(report="wrong")


def test_errors_of_the_reader_are_ours() -> None:
    with pytest.raises(NotFound), obstore_errors():
        raise FileNotFoundError("x")
    with pytest.raises(StorageSetupError), obstore_errors():
        raise obstore.exceptions.PermissionDeniedError("x")
    with pytest.raises(DependencyError), obstore_errors():
        raise obstore.exceptions.GenericError("x")


def test_messages_hold_nothing_of_the_stores_answer() -> None:
    answer = {
        "Error": {"Code": "AccessDenied", "Message": "user arn:secret"},
        "ResponseMetadata": {"HTTPStatusCode": 403},
    }
    with pytest.raises(StorageSetupError) as found, botocore_errors():
        raise botocore.exceptions.ClientError(answer, "PutObject")
    assert "secret" not in found.value.message
