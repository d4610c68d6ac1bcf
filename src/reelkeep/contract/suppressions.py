"""What the policy scanner checkov asks for and the contract does otherwise, with the reason of each. Pure; no I/O.

The reasons stand in the templates beside the resource, where the scanner reads them. Ids: checkov 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CHECKOV: Final[Mapping[str, Mapping[str, str]]] = {
    "LogBucket": {"CKV_AWS_18": "This is the log bucket; logging into itself would never end."},
    "MediaBucket": {
        "CKV_AWS_19": "The kind of encryption is a parameter, which the scanner does not follow; every value encrypts."
    },
}
