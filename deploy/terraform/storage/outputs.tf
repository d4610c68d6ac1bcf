# Made from the bucket contract; change the contract, not this file.

output "paste_back" {
  description = "Give this line to the operator of Reelkeep, who compares it with the connection and tries it out"
  value       = local.wraps_company_key ? "{\"contract\":2,\"bucket\":\"${aws_s3_bucket.media.id}\",\"log_bucket\":\"${aws_s3_bucket.logs.id}\",\"region\":\"${local.region}\",\"prefix\":\"${var.prefix}\",\"media_role\":\"${local.media_role_arn}\",\"audit_role\":\"${local.audit_role_arn}\",\"encryption\":\"${var.encryption}\",\"wrapping_key\":\"${local.wrapping_key_arn}\"}" : "{\"contract\":2,\"bucket\":\"${aws_s3_bucket.media.id}\",\"log_bucket\":\"${aws_s3_bucket.logs.id}\",\"region\":\"${local.region}\",\"prefix\":\"${var.prefix}\",\"media_role\":\"${local.media_role_arn}\",\"audit_role\":\"${local.audit_role_arn}\",\"encryption\":\"${var.encryption}\"}"
}

output "contract_version" {
  description = "Version of the bucket contract that this stack keeps"
  value       = "2"
}

output "media_bucket_name" {
  description = "Holds originals and proxies"
  value       = aws_s3_bucket.media.id
}

output "log_bucket_name" {
  description = "Receives the access logs"
  value       = aws_s3_bucket.logs.id
}

output "media_role_arn" {
  description = "Assumed for every upload, transcode, play and download"
  value       = local.media_role_arn
}

output "audit_role_arn" {
  description = "Assumed to read settings and logs"
  value       = local.audit_role_arn
}

output "purge_role_arn" {
  description = "Assumed to delete versions for good"
  value       = local.has_purge ? local.purge_role_arn : null
}

output "key_arn" {
  description = "Encrypts the objects"
  value       = local.uses_kms ? (local.makes_key ? local.made_key_arn : var.kms_key_arn) : null
}

output "wrapping_key_arn" {
  description = "Wraps the company key"
  value       = local.wraps_company_key ? local.wrapping_key_arn : null
}

output "platform_access_now" {
  description = "Whether the platform is let in"
  value       = local.is_revoked ? "Revoked" : "Enabled"
}

output "emergency_deny_role" {
  description = "EMERGENCY, a: refuses every live session of the media role at once"
  value       = "aws iam put-role-policy --role-name reelkeep-${var.name}-media --policy-name emergency --policy-document '{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}]}'"
}

output "emergency_close_trust" {
  description = "EMERGENCY, b: no new session; live ones end within the hour"
  value       = "aws iam update-assume-role-policy --role-name reelkeep-${var.name}-media --policy-document '{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":{\"AWS\":\"*\"},\"Action\":\"sts:AssumeRole\"}]}'"
}

output "emergency_disable_key" {
  description = "EMERGENCY, c: no object under the key opens; with bucket keys it takes some minutes"
  value       = local.uses_kms ? (local.makes_key ? "aws kms disable-key --region ${local.region} --key-id ${local.made_key_arn}" : "aws kms disable-key --region ${local.region} --key-id ${var.kms_key_arn}") : null
}

output "emergency_disable_wrapping_key" {
  description = "EMERGENCY, d: the company key opens no more, and with it no proxy, wherever a copy lies"
  value       = local.wraps_company_key ? "aws kms disable-key --region ${local.region} --key-id ${local.wrapping_key_arn}" : null
}

output "emergency_revoke" {
  description = "EMERGENCY, the whole cut: sets PlatformAccess to Revoked and leaves everything else as it is"
  value       = "terraform apply -var platform_access=Revoked"
}
