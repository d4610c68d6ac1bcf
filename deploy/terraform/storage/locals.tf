# Made from the bucket contract; change the contract, not this file.

data "aws_caller_identity" "current" {
}

data "aws_partition" "current" {
}

data "aws_region" "current" {
}

locals {
  account_id        = data.aws_caller_identity.current.account_id
  partition         = data.aws_partition.current.partition
  region            = data.aws_region.current.region
  is_revoked        = var.platform_access == "Revoked"
  is_named          = var.bucket_name != ""
  uses_kms          = var.encryption != "SSE-S3"
  uses_two_layers   = var.encryption == "DSSE-KMS"
  makes_key         = (var.encryption != "SSE-S3") && (var.kms_key_arn == "")
  has_admins        = length(var.admin_arns) > 0
  has_copy_roles    = length(var.copy_role_arns) > 0
  limits_networks   = length(var.allowed_networks) > 0
  limits_endpoints  = length(var.allowed_endpoints) > 0
  is_limited        = (length(var.allowed_networks) > 0) || (length(var.allowed_endpoints) > 0)
  is_write_once     = var.write_once_originals == "Yes"
  wraps_company_key = var.company_key_wrap == "On"
  has_purge         = var.allow_purge == "Yes"
  has_trail         = var.data_event_trail == "On"
  media_role_name   = "reelkeep-${var.name}-media"
  audit_role_name   = "reelkeep-${var.name}-audit"
  purge_role_name   = "reelkeep-${var.name}-purge"
  media_role_arn    = "arn:${local.partition}:iam::${local.account_id}:role/${local.media_role_name}"
  audit_role_arn    = "arn:${local.partition}:iam::${local.account_id}:role/${local.audit_role_name}"
  purge_role_arn    = "arn:${local.partition}:iam::${local.account_id}:role/${local.purge_role_name}"
  trail_name        = "reelkeep-${var.name}"
  trail_arn         = "arn:${local.partition}:cloudtrail:${local.region}:${local.account_id}:trail/${local.trail_name}"
  made_key_arn      = one(aws_kms_key.media[*].arn)
  wrapping_key_arn  = one(aws_kms_key.wrapping[*].arn)
}
