import http.server
import threading

import pytest

from reelkeep.errors import Conflict, DependencyError, IsolationError, NotFound, RequestError, SignInRequired
from reelkeep.storage.translate import ChecksumMismatch
from reelkeep.transfer import network
from reelkeep.transfer.api import error_of


@pytest.mark.parametrize(
    "error",
    [NotFound("a"), Conflict("b"), SignInRequired("c"), DependencyError("d"), IsolationError("e"), ChecksumMismatch()],
)
def test_an_error_of_the_server_is_the_same_error_here(error: Exception) -> None:
    body = {"error": {"code": error.code, "message": error.message, "advice": error.advice()}}
    found = error_of(400, body)
    assert type(found) is type(error)
    assert (found.message, found.advice()) == (error.message, error.advice())


def test_errors_whose_constructor_takes_something_else_arrive_too() -> None:
    import reelkeep.web.errors  # noqa: F401  # TooManyTries takes a number of seconds

    found = error_of(429, {"error": {"code": "too_many_tries", "message": "slow", "advice": "Wait."}})
    assert isinstance(found, RequestError)
    assert found.message == "slow"


@pytest.mark.parametrize(("status", "kind"), [(502, DependencyError), (421, DependencyError), (418, RequestError)])
def test_an_answer_that_is_not_ours_is_judged_by_its_status(status: int, kind: type[Exception]) -> None:
    assert type(error_of(status, None)) is kind
    assert type(error_of(status, {"detail": "x"})) is kind


def test_names_below_localhost_are_reached_on_loopback_with_their_own_host() -> None:
    hosts = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hosts.append(self.headers["host"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with network.client() as client:
            assert client.get(f"http://acme.localhost:{server.server_port}/").status_code == 204
        thread.join()
        assert hosts == [f"acme.localhost:{server.server_port}"]


def test_a_server_that_does_not_answer_is_a_dependency() -> None:
    with network.client() as client, pytest.raises(DependencyError), network.no_answer("the server"):
        client.get("http://acme.localhost:1/")
