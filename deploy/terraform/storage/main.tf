# Made from the bucket contract; change the contract, not this file.

resource "aws_s3_bucket" "media" {
  # checkov:skip=CKV2_AWS_62:Nothing listens to events; the platform learns of an upload from whoever completes it.
  # checkov:skip=CKV_AWS_144:A replica in another region is the company's choice, made outside this stack.
  # checkov:skip=CKV_AWS_19:The kind of encryption is a parameter, which the scanner does not follow; every value encrypts.
  bucket           = local.is_named ? var.bucket_name : "reelkeep-${var.name}-${local.account_id}-${local.region}-an"
  bucket_namespace = local.is_named ? "global" : "account-regional"
  lifecycle {
    prevent_destroy = true
  }
}

# [media-owner-enforced] Every object belongs to your account and access lists are off, so that policies alone decide.
resource "aws_s3_bucket_ownership_controls" "media" {
  bucket = aws_s3_bucket.media.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

# [media-block-public-acls] With this block no request can make an object public by an ACL.
# [media-ignore-public-acls] With this block ACLs that would make something public count for nothing.
# [media-block-public-policy] With this block no policy that opens the bucket to everybody can be written.
# [media-restrict-public-buckets] With this block a policy that opens it to everybody counts for nothing outside the account.
resource "aws_s3_bucket_public_access_block" "media" {
  bucket                  = aws_s3_bucket.media.id
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = true
  restrict_public_buckets = true
}

# [default-encryption] Every object is encrypted at rest, by S3's own keys, by a key of yours, or by two layers.
# [bucket-key] One key request serves many objects, which makes KMS affordable for thousands of segments.
# [sse-c-blocked] Nobody can encrypt an object with a key that only they know.
resource "aws_s3_bucket_server_side_encryption_configuration" "media" {
  bucket = aws_s3_bucket.media.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = local.uses_kms ? (local.uses_two_layers ? "aws:kms:dsse" : "aws:kms") : "AES256"
      kms_master_key_id = local.uses_kms ? (local.makes_key ? local.made_key_arn : var.kms_key_arn) : null
    }
    bucket_key_enabled       = local.uses_kms ? (local.uses_two_layers ? false : true) : false
    blocked_encryption_types = ["SSE-C"]
  }
}

# [versioning] What is deleted or replaced can be brought back for the days of NoncurrentDays.
resource "aws_s3_bucket_versioning" "media" {
  bucket = aws_s3_bucket.media.id
  versioning_configuration {
    status = "Enabled"
  }
}

# [downloads-expire] Prepared downloads end after 14 days even if the platform is gone.
# [noncurrent-expire] Deleted and replaced objects leave the bucket after the days of NoncurrentDays.
# [markers-expire] A deletion leaves a marker, which goes when nothing is behind it.
# [unfinished-uploads-abort] Parts of uploads that nobody finished are removed; the days count from the upload's beginning.
resource "aws_s3_bucket_lifecycle_configuration" "media" {
  bucket = aws_s3_bucket.media.id
  rule {
    id     = "downloads-expire"
    status = "Enabled"
    filter {
      prefix = "${var.prefix}downloads/"
    }
    expiration {
      days = 14
    }
    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }
  rule {
    id     = "noncurrent-expire"
    status = "Enabled"
    filter {
      prefix = var.prefix
    }
    noncurrent_version_expiration {
      noncurrent_days = var.noncurrent_days
    }
  }
  rule {
    id     = "markers-expire"
    status = "Enabled"
    filter {
      prefix = var.prefix
    }
    expiration {
      expired_object_delete_marker = true
    }
  }
  rule {
    id     = "unfinished-uploads-abort"
    status = "Enabled"
    filter {
      prefix = var.prefix
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = var.unfinished_upload_days
    }
  }
}

# [cors] Browsers on your company's pages may put and get with signed links, and see checksums and request ids.
resource "aws_s3_bucket_cors_configuration" "media" {
  bucket = aws_s3_bucket.media.id
  cors_rule {
    id              = "reelkeep"
    allowed_origins = var.site_origins
    allowed_methods = [
      "GET",
      "PUT",
      "HEAD",
    ]
    allowed_headers = ["*"]
    expose_headers  = [
      "ETag",
      "Content-Range",
      "Accept-Ranges",
      "Content-Length",
      "x-amz-checksum-crc32",
      "x-amz-checksum-type",
      "x-amz-request-id",
      "x-amz-id-2",
    ]
    max_age_seconds = 3000
  }
}

# [access-logs] The log bucket receives a line for every request, so you can see what the platform did without asking it.
resource "aws_s3_bucket_logging" "media" {
  bucket        = aws_s3_bucket.media.id
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "access/"
}

resource "aws_s3_bucket" "logs" {
  # checkov:skip=CKV2_AWS_62:Nothing listens to events; the platform learns of an upload from whoever completes it.
  # checkov:skip=CKV_AWS_144:A replica in another region is the company's choice, made outside this stack.
  # checkov:skip=CKV_AWS_18:This is the log bucket; logging into itself would never end.
  # checkov:skip=CKV_AWS_145:S3's logging service cannot write to a bucket with KMS as its default.
  bucket           = local.is_named ? "${var.bucket_name}-logs" : "reelkeep-${var.name}-logs-${local.account_id}-${local.region}-an"
  bucket_namespace = local.is_named ? "global" : "account-regional"
  lifecycle {
    prevent_destroy = true
  }
}

# [log-owner-enforced] Every object belongs to your account and access lists are off, so that policies alone decide.
resource "aws_s3_bucket_ownership_controls" "logs" {
  bucket = aws_s3_bucket.logs.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

# [log-block-public-acls] With this block no request can make an object public by an ACL.
# [log-ignore-public-acls] With this block ACLs that would make something public count for nothing.
# [log-block-public-policy] With this block no policy that opens the bucket to everybody can be written.
# [log-restrict-public-buckets] With this block a policy that opens it to everybody counts for nothing outside the account.
resource "aws_s3_bucket_public_access_block" "logs" {
  bucket                  = aws_s3_bucket.logs.id
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = true
  restrict_public_buckets = true
}

# [log-encryption] Logs are encrypted by S3's own keys: the logging service can write to no other kind of bucket.
# [log-sse-c-blocked] No log can be written that you cannot read.
resource "aws_s3_bucket_server_side_encryption_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
    blocked_encryption_types = ["SSE-C"]
  }
}

# [log-versioning] A log that somebody deletes or replaces is still there.
resource "aws_s3_bucket_versioning" "logs" {
  bucket = aws_s3_bucket.logs.id
  versioning_configuration {
    status = "Enabled"
  }
}

# [log-retention] Logs are kept for the days of LogRetentionDays and then go.
resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id
  rule {
    id     = "log-retention"
    status = "Enabled"
    filter {
      prefix = ""
    }
    expiration {
      days = var.log_retention_days
    }
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_s3_bucket_policy" "media" {
  bucket = aws_s3_bucket.media.id
  policy = data.aws_iam_policy_document.media_bucket.json
}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id
  policy = data.aws_iam_policy_document.log_bucket.json
}

resource "aws_kms_key" "media" {
  count                   = local.makes_key ? 1 : 0
  description             = "Objects of Reelkeep for ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_kms_alias" "media" {
  count         = local.makes_key ? 1 : 0
  name          = "alias/reelkeep-${var.name}"
  target_key_id = aws_kms_key.media[0].key_id
}

resource "aws_kms_key" "wrapping" {
  count                   = local.wraps_company_key ? 1 : 0
  description             = "Wraps the company key of ${var.name} in Reelkeep; without it no proxy opens"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.wrapping_key.json
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_iam_role" "media" {
  name                 = local.media_role_name
  max_session_duration = 3600
  assume_role_policy   = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "media" {
  name   = "media"
  role   = aws_iam_role.media.id
  policy = data.aws_iam_policy_document.media.json
}

resource "aws_iam_role" "audit" {
  name                 = local.audit_role_name
  max_session_duration = 3600
  assume_role_policy   = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "audit" {
  name   = "audit"
  role   = aws_iam_role.audit.id
  policy = data.aws_iam_policy_document.audit.json
}

resource "aws_iam_role" "purge" {
  count                = local.has_purge ? 1 : 0
  name                 = local.purge_role_name
  max_session_duration = 3600
  assume_role_policy   = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "purge" {
  count  = local.has_purge ? 1 : 0
  name   = "purge"
  role   = aws_iam_role.purge[0].id
  policy = data.aws_iam_policy_document.purge.json
}

resource "aws_cloudtrail" "media" {
  # checkov:skip=CKV_AWS_67:It records one bucket, which lies in one region.
  # checkov:skip=CKV_AWS_252:Nobody is to be told of every single read.
  # checkov:skip=CKV_AWS_35:Its files lie in the log bucket, which S3's logging needs without KMS.
  # checkov:skip=CKV2_AWS_10:Its files lie in the log bucket, where the audit role reads them.
  count                         = local.has_trail ? 1 : 0
  name                          = local.trail_name
  enable_logging                = true
  is_multi_region_trail         = false
  include_global_service_events = false
  enable_log_file_validation    = true
  s3_bucket_name                = aws_s3_bucket.logs.id
  s3_key_prefix                 = "trail"
  advanced_event_selector {
    name = "Every access to an object of the media bucket"
    field_selector {
      field  = "eventCategory"
      equals = ["Data"]
    }
    field_selector {
      field  = "resources.type"
      equals = ["AWS::S3::Object"]
    }
    field_selector {
      field       = "resources.ARN"
      starts_with = ["${aws_s3_bucket.media.arn}/"]
    }
  }
  depends_on                    = [aws_s3_bucket_policy.logs]
}
