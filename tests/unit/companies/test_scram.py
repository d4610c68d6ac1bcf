"""What PostgreSQL keeps of a password."""

from __future__ import annotations

import base64

import psycopg.pq

from reelkeep.companies.scram import ITERATIONS, verifier_of


def test_a_verifier_is_the_one_that_libpq_makes_of_the_same_password_and_salt() -> None:
    theirs = psycopg.pq.PGconn.connect(b"host=/nowhere").encrypt_password(b"pencil", b"user", b"scram-sha-256").decode()
    iterations, salt = theirs.split("$")[1].split(":")
    assert verifier_of("pencil", salt=base64.b64decode(salt), iterations=int(iterations)) == theirs


def test_two_verifiers_of_one_password_are_not_alike() -> None:
    first, second = verifier_of("a" * 43), verifier_of("a" * 43)
    assert first != second
    assert first.startswith(f"SCRAM-SHA-256${ITERATIONS}:")
