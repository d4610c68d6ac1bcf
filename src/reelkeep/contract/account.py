"""How the account that holds the buckets is locked down: points that a company checks itself. Pure; no I/O.

The contract ends at the bucket. Whoever administers the account stands above it, so these points are the company's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class AccountPoint:
    """``command`` is run by the company with its own rights; ``good`` is what it prints."""

    id: str
    what: str
    why: str
    command: str
    good: str


ACCOUNT_POINTS: Final = (
    AccountPoint(
        "own-account",
        "The buckets lie in an AWS account of their own.",
        "Whoever administers other workloads of a shared account could change the bucket's policy.",
        "aws iam list-roles --query 'Roles[].RoleName'",
        "service roles, your administrators and reelkeep-* alone",
    ),
    AccountPoint(
        "account-public-access",
        "Public access is blocked for the whole account.",
        "A bucket that somebody makes later would not have the contract's blocks.",
        "aws s3control get-public-access-block --account-id ACCOUNT",
        "four times true",
    ),
    AccountPoint(
        "root-locked",
        "The root user has a second factor and no access key.",
        "The root user can lift every denial in this contract.",
        "aws iam get-account-summary --query 'SummaryMap.[AccountMFAEnabled,AccountAccessKeysPresent]'",
        "1 and 0",
    ),
    AccountPoint(
        "few-administrators",
        "Few people may change policies, roles and keys, for a time and with a second factor.",
        "They can write themselves into AdminArns, or take the bucket's policy away.",
        "aws iam list-entities-for-policy --policy-arn arn:aws:iam::aws:policy/AdministratorAccess",
        "names that you know",
    ),
    AccountPoint(
        "no-user-keys",
        "No IAM user has an access key.",
        "Keys that do not end are what is found in code and chat.",
        "aws iam get-account-summary --query SummaryMap.Users",
        "0, or users whose keys `aws iam list-access-keys` shows as inactive",
    ),
    AccountPoint(
        "management-trail",
        "CloudTrail records management events in all regions into another account.",
        "AssumeRole, policy changes and key changes are seen there; an intruder in this account cannot remove them.",
        "aws cloudtrail describe-trails --query 'trailList[].[Name,IsMultiRegionTrail,LogFileValidationEnabled]'",
        "a trail with true and true",
    ),
    AccountPoint(
        "alarm-on-change",
        "Somebody is told when the bucket's policy, the roles or the key change.",
        "The audit role finds drift within hours; an alarm of yours within minutes, without the platform.",
        "aws events list-rules --query 'Rules[].Name'",
        "a rule on PutBucketPolicy, DeleteBucketPolicy, UpdateAssumeRolePolicy, PutRolePolicy and PutKeyPolicy",
    ),
    AccountPoint(
        "organization-guard",
        "A service control policy keeps everybody in the account from deleting the buckets and the key.",
        "Policies within the account can be changed by its administrators; this one cannot.",
        "aws organizations list-policies-for-target --target-id ACCOUNT --filter SERVICE_CONTROL_POLICY",
        "a policy that denies s3:DeleteBucket and kms:ScheduleKeyDeletion",
    ),
    AccountPoint(
        "nobody-else",
        "No policy in the account gives the buckets to another account.",
        "A second way in would not show in the platform's records.",
        "aws accessanalyzer list-findings-v2 --analyzer-arn ANALYZER --query 'findings[?status==`ACTIVE`].resource'",
        "the three reelkeep roles, whose trust names the operator, and nothing else",
    ),
)
