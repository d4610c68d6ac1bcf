# Made from the bucket contract; change the contract, not this file.

data "aws_iam_policy_document" "trust" {
  # Only the operator's one named principal, with the external id made for your company, gets a session.
  statement {
    sid     = "LetThePlatformIn"
    effect  = local.is_revoked ? "Deny" : "Allow"
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${var.platform_account_id}:root"]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:PrincipalArn"
      values   = [var.platform_principal_arn]
    }
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [var.external_id]
    }
  }
  # A session may carry tags and a source identity, so that your CloudTrail shows what it was for.
  statement {
    sid     = "LetSessionsCarryNames"
    effect  = local.is_revoked ? "Deny" : "Allow"
    actions = [
      "sts:SetSourceIdentity",
      "sts:TagSession",
    ]
    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${var.platform_account_id}:root"]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:PrincipalArn"
      values   = [var.platform_principal_arn]
    }
  }
}

data "aws_iam_policy_document" "media" {
  # Players, transcodes and downloads read objects below the prefix.
  statement {
    sid       = "ReadObjects"
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.media.arn}/${var.prefix}*"]
  }
  # Uploads and proxies are written below the prefix.
  statement {
    sid       = "WriteObjects"
    effect    = "Allow"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.media.arn}/${var.prefix}*"]
  }
  # Uploads in parts go on after an interruption, and those that nobody finishes are given up.
  statement {
    sid       = "FinishUploads"
    effect    = "Allow"
    actions   = [
      "s3:AbortMultipartUpload",
      "s3:ListMultipartUploadParts",
    ]
    resources = ["${aws_s3_bucket.media.arn}/${var.prefix}*"]
  }
  # Proxies of failed attempts, prepared downloads and test objects are cleared away; originals never are.
  statement {
    sid       = "DeleteWhatCanBeMadeAgain"
    effect    = "Allow"
    actions   = ["s3:DeleteObject"]
    resources = [
      "${aws_s3_bucket.media.arn}/${var.prefix}proxies/*",
      "${aws_s3_bucket.media.arn}/${var.prefix}downloads/*",
      "${aws_s3_bucket.media.arn}/${var.prefix}probe/*",
    ]
  }
  # A prepared download, and what a test wrote, is gone for good when it ends.
  statement {
    sid       = "EndDownloads"
    effect    = "Allow"
    actions   = ["s3:DeleteObjectVersion"]
    resources = [
      "${aws_s3_bucket.media.arn}/${var.prefix}downloads/*",
      "${aws_s3_bucket.media.arn}/${var.prefix}probe/*",
    ]
  }
  # The platform finds what lies below the prefix, and nothing beside it.
  statement {
    sid       = "ListObjects"
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.media.arn]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${var.prefix}*"]
    }
  }
  # Unfinished uploads are found and given up.
  statement {
    sid       = "ListUnfinishedUploads"
    effect    = "Allow"
    actions   = ["s3:ListBucketMultipartUploads"]
    resources = [aws_s3_bucket.media.arn]
  }
  # Objects are encrypted and decrypted by your key, through S3 in this region alone.
  dynamic "statement" {
    for_each = local.uses_kms ? [1] : []
    content {
      sid       = "UseTheKey"
      effect    = "Allow"
      actions   = [
        "kms:Decrypt",
        "kms:GenerateDataKey",
      ]
      resources = [local.makes_key ? local.made_key_arn : var.kms_key_arn]
      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${local.region}.amazonaws.com"]
      }
    }
  }
  # Sessions from before SessionsIssuedAfter stay dead when access is enabled again.
  statement {
    sid       = "RefuseOldMediaSessions"
    effect    = "Deny"
    actions   = ["*"]
    resources = ["*"]
    condition {
      test     = "DateLessThan"
      variable = "aws:TokenIssueTime"
      values   = [var.sessions_issued_after]
    }
  }
  # Your key wraps and unwraps the company key, under your external id and for that purpose alone.
  dynamic "statement" {
    for_each = local.wraps_company_key ? [1] : []
    content {
      sid       = "WrapTheCompanyKey"
      effect    = "Allow"
      actions   = [
        "kms:Decrypt",
        "kms:Encrypt",
      ]
      resources = [local.wrapping_key_arn]
      condition {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:reelkeep-external-id"
        values   = [var.external_id]
      }
      condition {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:reelkeep-purpose"
        values   = [
          "company-key",
          "probe",
        ]
      }
    }
  }
}

data "aws_iam_policy_document" "audit" {
  # The platform compares the buckets' settings with this contract and tells you where they differ.
  statement {
    sid       = "ReadSettings"
    effect    = "Allow"
    actions   = [
      "s3:GetBucketAcl",
      "s3:GetBucketCORS",
      "s3:GetBucketLocation",
      "s3:GetBucketLogging",
      "s3:GetBucketObjectLockConfiguration",
      "s3:GetBucketOwnershipControls",
      "s3:GetBucketPolicy",
      "s3:GetBucketPolicyStatus",
      "s3:GetBucketPublicAccessBlock",
      "s3:GetBucketRequestPayment",
      "s3:GetBucketVersioning",
      "s3:GetEncryptionConfiguration",
      "s3:GetInventoryConfiguration",
      "s3:GetLifecycleConfiguration",
      "s3:GetReplicationConfiguration",
    ]
    resources = [
      aws_s3_bucket.media.arn,
      aws_s3_bucket.logs.arn,
    ]
  }
  # Foreign objects, old versions and unfinished uploads are found by their names; their content stays closed.
  statement {
    sid       = "ListEverything"
    effect    = "Allow"
    actions   = [
      "s3:ListBucket",
      "s3:ListBucketVersions",
      "s3:ListBucketMultipartUploads",
    ]
    resources = [aws_s3_bucket.media.arn]
  }
  # New access logs are found.
  statement {
    sid       = "ListLogs"
    effect    = "Allow"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.logs.arn]
  }
  # Access logs are compared with what the platform says it did.
  statement {
    sid       = "ReadLogs"
    effect    = "Allow"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.logs.arn}/*"]
  }
  # The three roles' own policies and trust are compared with this contract.
  statement {
    sid       = "ReadRoles"
    effect    = "Allow"
    actions   = [
      "iam:GetRole",
      "iam:GetRolePolicy",
      "iam:ListAttachedRolePolicies",
      "iam:ListRolePolicies",
    ]
    resources = [
      local.media_role_arn,
      local.audit_role_arn,
      local.purge_role_arn,
    ]
  }
  # The key's policy and its state are compared with this contract.
  dynamic "statement" {
    for_each = local.uses_kms ? [1] : []
    content {
      sid       = "ReadTheKeysSettings"
      effect    = "Allow"
      actions   = [
        "kms:DescribeKey",
        "kms:GetKeyPolicy",
        "kms:GetKeyRotationStatus",
      ]
      resources = [local.makes_key ? local.made_key_arn : var.kms_key_arn]
    }
  }
  # Sessions from before SessionsIssuedAfter stay dead when access is enabled again.
  statement {
    sid       = "RefuseOldAuditSessions"
    effect    = "Deny"
    actions   = ["*"]
    resources = ["*"]
    condition {
      test     = "DateLessThan"
      variable = "aws:TokenIssueTime"
      values   = [var.sessions_issued_after]
    }
  }
  # The wrapping key's policy and its state are compared with this contract.
  dynamic "statement" {
    for_each = local.wraps_company_key ? [1] : []
    content {
      sid       = "ReadTheWrappingKeysSettings"
      effect    = "Allow"
      actions   = [
        "kms:DescribeKey",
        "kms:GetKeyPolicy",
        "kms:GetKeyRotationStatus",
      ]
      resources = [local.wrapping_key_arn]
    }
  }
}

data "aws_iam_policy_document" "purge" {
  # What members deleted is removed for good, while you allow it.
  statement {
    sid       = "DeleteVersions"
    effect    = "Allow"
    actions   = ["s3:DeleteObjectVersion"]
    resources = [
      "${aws_s3_bucket.media.arn}/${var.prefix}originals/*",
      "${aws_s3_bucket.media.arn}/${var.prefix}proxies/*",
      "${aws_s3_bucket.media.arn}/${var.prefix}attachments/*",
      "${aws_s3_bucket.media.arn}/${var.prefix}downloads/*",
    ]
  }
  # The versions of what is to be removed are found.
  statement {
    sid       = "FindVersions"
    effect    = "Allow"
    actions   = ["s3:ListBucketVersions"]
    resources = [aws_s3_bucket.media.arn]
    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${var.prefix}*"]
    }
  }
  # Sessions from before SessionsIssuedAfter stay dead when access is enabled again.
  statement {
    sid       = "RefuseOldPurgeSessions"
    effect    = "Deny"
    actions   = ["*"]
    resources = ["*"]
    condition {
      test     = "DateLessThan"
      variable = "aws:TokenIssueTime"
      values   = [var.sessions_issued_after]
    }
  }
}

data "aws_iam_policy_document" "media_bucket" {
  # Nothing travels unencrypted.
  statement {
    sid       = "RefusePlainHttp"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [
      aws_s3_bucket.media.arn,
      "${aws_s3_bucket.media.arn}/*",
    ]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
  # Connections use TLS 1.2 or newer.
  statement {
    sid       = "RefuseOldTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [
      aws_s3_bucket.media.arn,
      "${aws_s3_bucket.media.arn}/*",
    ]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "NumericLessThan"
      variable = "s3:TlsVersion"
      values   = ["1.2"]
    }
  }
  # PlatformAccess is Revoked: the three roles reach nothing, from the next request on.
  dynamic "statement" {
    for_each = local.is_revoked ? [1] : []
    content {
      sid       = "CutThePlatformOff"
      effect    = "Deny"
      actions   = ["s3:*"]
      resources = [
        aws_s3_bucket.media.arn,
        "${aws_s3_bucket.media.arn}/*",
      ]
      principals {
        type        = "*"
        identifiers = ["*"]
      }
      condition {
        test     = "ArnLike"
        variable = "aws:PrincipalArn"
        values   = [
          local.media_role_arn,
          local.audit_role_arn,
          local.purge_role_arn,
        ]
      }
    }
  }
  # Objects and their names are for the three roles, for AWS services and for whom you name; others in your account stay out, whatever their own policies say.
  statement {
    sid       = "NamedPrincipalsOnly"
    effect    = "Deny"
    actions   = [
      "s3:AbortMultipartUpload",
      "s3:DeleteObject*",
      "s3:GetObject*",
      "s3:ListBucket",
      "s3:ListBucketMultipartUploads",
      "s3:ListBucketVersions",
      "s3:ListMultipartUploadParts",
      "s3:PutObject*",
      "s3:ReplicateDelete",
      "s3:ReplicateObject",
      "s3:RestoreObject",
    ]
    resources = [
      aws_s3_bucket.media.arn,
      "${aws_s3_bucket.media.arn}/*",
    ]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "ArnNotLike"
      variable = "aws:PrincipalArn"
      values   = concat([local.media_role_arn, local.audit_role_arn, local.purge_role_arn], var.admin_arns, var.copy_role_arns)
    }
    condition {
      test     = "BoolIfExists"
      variable = "aws:PrincipalIsAWSService"
      values   = ["false"]
    }
  }
  # Nobody writes an object with another kind of encryption than you chose.
  statement {
    sid       = "RefuseOtherEncryption"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.media.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "StringNotEquals"
      variable = "s3:x-amz-server-side-encryption"
      values   = [local.uses_kms ? (local.uses_two_layers ? "aws:kms:dsse" : "aws:kms") : "AES256"]
    }
    condition {
      test     = "Null"
      variable = "s3:x-amz-server-side-encryption"
      values   = ["false"]
    }
  }
  # Nobody writes an object under another key than yours.
  dynamic "statement" {
    for_each = local.uses_kms ? [1] : []
    content {
      sid       = "RefuseOtherKeys"
      effect    = "Deny"
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.media.arn}/*"]
      principals {
        type        = "*"
        identifiers = ["*"]
      }
      condition {
        test     = "StringNotEquals"
        variable = "s3:x-amz-server-side-encryption-aws-kms-key-id"
        values   = [local.makes_key ? local.made_key_arn : var.kms_key_arn]
      }
      condition {
        test     = "Null"
        variable = "s3:x-amz-server-side-encryption-aws-kms-key-id"
        values   = ["false"]
      }
    }
  }
  # Nobody writes an object under a key that only they know (SSE-C), even where the bucket's own block is off.
  statement {
    sid       = "RefuseCustomerKeys"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.media.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Null"
      variable = "s3:x-amz-server-side-encryption-customer-algorithm"
      values   = ["false"]
    }
  }
  # A signed link dies an hour after it was signed.
  statement {
    sid       = "RefuseOldLinks"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [
      aws_s3_bucket.media.arn,
      "${aws_s3_bucket.media.arn}/*",
    ]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "NumericGreaterThan"
      variable = "s3:signatureAge"
      values   = ["3600000"]
    }
  }
  # Objects are reached from your address ranges or through your endpoints: refused where both fail.
  dynamic "statement" {
    for_each = local.is_limited ? [1] : []
    content {
      sid       = "RefuseOtherNetworks"
      effect    = "Deny"
      actions   = [
        "s3:AbortMultipartUpload",
        "s3:DeleteObject*",
        "s3:GetObject*",
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:ListBucketVersions",
        "s3:ListMultipartUploadParts",
        "s3:PutObject*",
        "s3:ReplicateDelete",
        "s3:ReplicateObject",
        "s3:RestoreObject",
      ]
      resources = [
        aws_s3_bucket.media.arn,
        "${aws_s3_bucket.media.arn}/*",
      ]
      principals {
        type        = "*"
        identifiers = ["*"]
      }
      dynamic "condition" {
        for_each = local.limits_networks ? [1] : []
        content {
          test     = "NotIpAddress"
          variable = "aws:SourceIp"
          values   = var.allowed_networks
        }
      }
      dynamic "condition" {
        for_each = local.limits_endpoints ? [1] : []
        content {
          test     = "StringNotEquals"
          variable = "aws:SourceVpce"
          values   = var.allowed_endpoints
        }
      }
      condition {
        test     = "ArnNotLike"
        variable = "aws:PrincipalArn"
        values   = concat(["arn:${local.partition}:iam::${local.account_id}:root"], var.admin_arns, var.copy_role_arns)
      }
      condition {
        test     = "BoolIfExists"
        variable = "aws:PrincipalIsAWSService"
        values   = ["false"]
      }
    }
  }
  # An original is written once: every write must say that nothing may be there yet.
  dynamic "statement" {
    for_each = local.is_write_once ? [1] : []
    content {
      sid       = "WriteOriginalsOnce"
      effect    = "Deny"
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.media.arn}/${var.prefix}originals/*"]
      principals {
        type        = "*"
        identifiers = ["*"]
      }
      condition {
        test     = "Null"
        variable = "s3:if-none-match"
        values   = ["true"]
      }
      condition {
        test     = "Bool"
        variable = "s3:ObjectCreationOperation"
        values   = ["true"]
      }
    }
  }
}

data "aws_iam_policy_document" "log_bucket" {
  # Nothing travels unencrypted.
  statement {
    sid       = "RefusePlainHttp"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [
      aws_s3_bucket.logs.arn,
      "${aws_s3_bucket.logs.arn}/*",
    ]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
  # Connections use TLS 1.2 or newer.
  statement {
    sid       = "RefuseOldTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [
      aws_s3_bucket.logs.arn,
      "${aws_s3_bucket.logs.arn}/*",
    ]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "NumericLessThan"
      variable = "s3:TlsVersion"
      values   = ["1.2"]
    }
  }
  # S3's logging service writes lines about your media bucket, and about no other.
  statement {
    sid       = "LetS3WriteAccessLogs"
    effect    = "Allow"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.logs.arn}/access/*"]
    principals {
      type        = "Service"
      identifiers = ["logging.s3.amazonaws.com"]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [aws_s3_bucket.media.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account_id]
    }
  }
  # CloudTrail sees whose bucket it is before it writes.
  dynamic "statement" {
    for_each = local.has_trail ? [1] : []
    content {
      sid       = "LetCloudTrailLook"
      effect    = "Allow"
      actions   = ["s3:GetBucketAcl"]
      resources = [aws_s3_bucket.logs.arn]
      principals {
        type        = "Service"
        identifiers = ["cloudtrail.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceArn"
        values   = [local.trail_arn]
      }
    }
  }
  # CloudTrail writes the records of this one trail.
  dynamic "statement" {
    for_each = local.has_trail ? [1] : []
    content {
      sid       = "LetCloudTrailWrite"
      effect    = "Allow"
      actions   = ["s3:PutObject"]
      resources = ["${aws_s3_bucket.logs.arn}/trail/AWSLogs/${local.account_id}/*"]
      principals {
        type        = "Service"
        identifiers = ["cloudtrail.amazonaws.com"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceArn"
        values   = [local.trail_arn]
      }
      condition {
        test     = "StringEquals"
        variable = "s3:x-amz-acl"
        values   = ["bucket-owner-full-control"]
      }
    }
  }
  # Nobody but AWS services writes, replaces or deletes a log.
  statement {
    sid       = "LogsComeFromServicesAlone"
    effect    = "Deny"
    actions   = [
      "s3:DeleteObject*",
      "s3:PutObject*",
      "s3:ReplicateDelete",
      "s3:ReplicateObject",
    ]
    resources = ["${aws_s3_bucket.logs.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "BoolIfExists"
      variable = "aws:PrincipalIsAWSService"
      values   = ["false"]
    }
  }
  # Logs, which hold names of files and addresses of people, are read by the audit role and by whom you name.
  statement {
    sid       = "LogsForNamedReadersOnly"
    effect    = "Deny"
    actions   = ["s3:GetObject*"]
    resources = ["${aws_s3_bucket.logs.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "ArnNotLike"
      variable = "aws:PrincipalArn"
      values   = concat([local.audit_role_arn], var.admin_arns)
    }
    condition {
      test     = "BoolIfExists"
      variable = "aws:PrincipalIsAWSService"
      values   = ["false"]
    }
  }
}

data "aws_iam_policy_document" "key" {
  # checkov:skip=CKV_AWS_109:It is a key policy: the account keeps administration, or nobody could ever change the key.
  # checkov:skip=CKV_AWS_111:It is a key policy: the account keeps administration, or nobody could ever change the key.
  # checkov:skip=CKV_AWS_356:In a key policy, * is this one key.
  # Your account keeps all rights to the key, given out by its own IAM policies.
  statement {
    sid       = "KeepAdministration"
    effect    = "Allow"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }
  }
  # The key opens objects for the media role, for AWS services and for whom you name.
  statement {
    sid       = "KeyForNamedPrincipalsOnly"
    effect    = "Deny"
    actions   = [
      "kms:Decrypt",
      "kms:GenerateDataKey*",
      "kms:ReEncrypt*",
    ]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "ArnNotLike"
      variable = "aws:PrincipalArn"
      values   = concat([local.media_role_arn], var.admin_arns, var.copy_role_arns)
    }
    condition {
      test     = "BoolIfExists"
      variable = "aws:PrincipalIsAWSService"
      values   = ["false"]
    }
  }
  # PlatformAccess is Revoked: the key opens nothing for the platform.
  dynamic "statement" {
    for_each = local.is_revoked ? [1] : []
    content {
      sid       = "CutThePlatformOffFromTheKey"
      effect    = "Deny"
      actions   = [
        "kms:Decrypt",
        "kms:GenerateDataKey*",
        "kms:ReEncrypt*",
      ]
      resources = ["*"]
      principals {
        type        = "AWS"
        identifiers = ["*"]
      }
      condition {
        test     = "ArnLike"
        variable = "aws:PrincipalArn"
        values   = [local.media_role_arn]
      }
    }
  }
}

data "aws_iam_policy_document" "wrapping_key" {
  # checkov:skip=CKV_AWS_109:It is a key policy: the account keeps administration, or nobody could ever change the key.
  # checkov:skip=CKV_AWS_111:It is a key policy: the account keeps administration, or nobody could ever change the key.
  # checkov:skip=CKV_AWS_356:In a key policy, * is this one key.
  # Your account keeps all rights to the wrapping key, given out by its own IAM policies; the platform has none.
  statement {
    sid       = "KeepAdministration"
    effect    = "Allow"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }
  }
  # The wrapping key works for the media role and for whom you name.
  statement {
    sid       = "WrappingForNamedPrincipalsOnly"
    effect    = "Deny"
    actions   = [
      "kms:Decrypt",
      "kms:Encrypt",
      "kms:GenerateDataKey*",
      "kms:ReEncrypt*",
    ]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "ArnNotLike"
      variable = "aws:PrincipalArn"
      values   = concat([local.media_role_arn], var.admin_arns)
    }
  }
  # For the media role the wrapping key works under your external id alone, even if its policy is widened.
  statement {
    sid       = "WrappingUnderYourExternalIdOnly"
    effect    = "Deny"
    actions   = [
      "kms:Decrypt",
      "kms:Encrypt",
      "kms:GenerateDataKey*",
      "kms:ReEncrypt*",
    ]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:PrincipalArn"
      values   = [local.media_role_arn]
    }
    condition {
      test     = "StringNotEquals"
      variable = "kms:EncryptionContext:reelkeep-external-id"
      values   = [var.external_id]
    }
  }
  # PlatformAccess is Revoked: the wrapping key opens nothing for the platform.
  dynamic "statement" {
    for_each = local.is_revoked ? [1] : []
    content {
      sid       = "CutThePlatformOffFromTheWrappingKey"
      effect    = "Deny"
      actions   = [
        "kms:Decrypt",
        "kms:Encrypt",
        "kms:GenerateDataKey*",
        "kms:ReEncrypt*",
      ]
      resources = ["*"]
      principals {
        type        = "AWS"
        identifiers = ["*"]
      }
      condition {
        test     = "ArnLike"
        variable = "aws:PrincipalArn"
        values   = [local.media_role_arn]
      }
    }
  }
}
