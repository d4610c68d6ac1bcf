"""What the policy scanner checkov asks for and the contract does otherwise, with the reason of each. Pure; no I/O.

The reasons stand in the templates beside the resource, where the scanner reads them. Ids: checkov 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_BUCKET: Final = {
    "CKV2_AWS_62": "Nothing listens to events; the platform learns of an upload from whoever completes it.",
    "CKV_AWS_144": "A replica in another region is the company's choice, made outside this stack.",
}
CHECKOV: Final[Mapping[str, Mapping[str, str]]] = {
    "LogBucket": {
        **_BUCKET,
        "CKV_AWS_18": "This is the log bucket; logging into itself would never end.",
        "CKV_AWS_145": "S3's logging service cannot write to a bucket with KMS as its default.",
    },
    "MediaBucket": {
        **_BUCKET,
        "CKV_AWS_19": "The kind of encryption is a parameter, which the scanner does not follow; every value encrypts.",
    },
    "Trail": {
        "CKV_AWS_67": "It records one bucket, which lies in one region.",
        "CKV_AWS_252": "Nobody is to be told of every single read.",
        "CKV_AWS_35": "Its files lie in the log bucket, which S3's logging needs without KMS.",
        "CKV2_AWS_10": "Its files lie in the log bucket, where the audit role reads them.",
    },
    "document/wrapping_key": {
        "CKV_AWS_109": "It is a key policy: the account keeps administration, or nobody could ever change the key.",
        "CKV_AWS_111": "It is a key policy: the account keeps administration, or nobody could ever change the key.",
        "CKV_AWS_356": "In a key policy, * is this one key.",
    },
    "document/key": {
        "CKV_AWS_109": "It is a key policy: the account keeps administration, or nobody could ever change the key.",
        "CKV_AWS_111": "It is a key policy: the account keeps administration, or nobody could ever change the key.",
        "CKV_AWS_356": "In a key policy, * is this one key.",
    },
}
