# Made from the bucket contract; change the contract, not this file.

variable "name" {
  description = "Short name of your company; stands in the names of the roles."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,15}$", var.name))
    error_message = "Name is of the template's form."
  }
}

variable "platform_account_id" {
  description = "AWS account of the operator of Reelkeep, which may ask for sessions."
  type        = string
  validation {
    condition     = can(regex("^[0-9]{12}$", var.platform_account_id))
    error_message = "PlatformAccountId is of the template's form."
  }
}

variable "platform_principal_arn" {
  description = "The one role or user of that account which may; a name, so it may be made anew."
  type        = string
  validation {
    condition     = can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=,.@_/*-]{1,128}$", var.platform_principal_arn))
    error_message = "PlatformPrincipalArn is of the template's form."
  }
}

variable "external_id" {
  description = "Made by the platform for your company alone; no secret, and never to be changed by hand."
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{16,64}$", var.external_id))
    error_message = "ExternalId is of the template's form."
  }
}

variable "site_origins" {
  description = "Addresses of your company's pages, from which browsers upload."
  type        = list(string)
  validation {
    condition     = alltrue([for item in var.site_origins : can(regex("^https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?$", item))])
    error_message = "SiteOrigins is items of the template's form."
  }
}

variable "platform_access" {
  description = "Revoked cuts the platform off: no session, no object, no key."
  type        = string
  default     = "Enabled"
  validation {
    condition     = contains(["Enabled", "Revoked"], var.platform_access)
    error_message = "PlatformAccess is Enabled or Revoked."
  }
}

variable "sessions_issued_after" {
  description = "Sessions from before this time (UTC) are refused for good; set it to now whenever you enable access again."
  type        = string
  default     = "2020-01-01T00:00:00Z"
  validation {
    condition     = can(regex("^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$", var.sessions_issued_after))
    error_message = "SessionsIssuedAfter is of the template's form."
  }
}

variable "bucket_name" {
  description = "Empty: reelkeep-NAME-ACCOUNT-REGION-an, which no other account can ever take over."
  type        = string
  default     = ""
  validation {
    condition     = can(regex("^([a-z0-9][a-z0-9-]{1,61}[a-z0-9])?$", var.bucket_name))
    error_message = "BucketName is of the template's form."
  }
}

variable "prefix" {
  description = "Below which everything lies, ending in a slash; empty for the whole bucket."
  type        = string
  default     = ""
  validation {
    condition     = can(regex("^([A-Za-z0-9!_.()=+@-]+/)*$", var.prefix))
    error_message = "Prefix is of the template's form."
  }
}

variable "encryption" {
  description = "Default encryption at rest."
  type        = string
  default     = "SSE-KMS"
  validation {
    condition     = contains(["SSE-S3", "SSE-KMS", "DSSE-KMS"], var.encryption)
    error_message = "Encryption is SSE-S3 or SSE-KMS or DSSE-KMS."
  }
}

variable "kms_key_arn" {
  description = "A key of your own for SSE-KMS or DSSE-KMS; empty: the stack makes one."
  type        = string
  default     = ""
  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,64})?$", var.kms_key_arn))
    error_message = "KmsKeyArn is of the template's form."
  }
}

variable "unfinished_upload_days" {
  description = "Unfinished uploads are removed this long after they began; a large file on a slow line takes days."
  type        = number
  default     = 14
  validation {
    condition     = var.unfinished_upload_days >= 3 && var.unfinished_upload_days <= 90
    error_message = "UnfinishedUploadDays is 3 to 90."
  }
}

variable "noncurrent_days" {
  description = "Deleted and replaced objects can be brought back for this long."
  type        = number
  default     = 30
  validation {
    condition     = var.noncurrent_days >= 1 && var.noncurrent_days <= 3650
    error_message = "NoncurrentDays is 1 to 3650."
  }
}

variable "admin_arns" {
  description = "Roles or users of your own that may reach objects; nobody else in your account may."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for item in var.admin_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=,.@_/*-]{1,128}$", item))])
    error_message = "AdminArns is items of the template's form."
  }
}

variable "copy_role_arns" {
  description = "Roles of S3 Replication and S3 Batch Operations, which are no AWS service to a policy."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for item in var.copy_role_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=,.@_/*-]{1,128}$", item))])
    error_message = "CopyRoleArns is items of the template's form."
  }
}

variable "allowed_networks" {
  description = "Address ranges from which objects may be reached; empty with no endpoint: anywhere."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for item in var.allowed_networks : can(regex("^[0-9a-fA-F.:]{2,39}/[0-9]{1,3}$", item))])
    error_message = "AllowedNetworks is items of the template's form."
  }
}

variable "allowed_endpoints" {
  description = "VPC endpoints through which objects may be reached."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for item in var.allowed_endpoints : can(regex("^vpce-[0-9a-f]{8,32}$", item))])
    error_message = "AllowedEndpoints is items of the template's form."
  }
}

variable "write_once_originals" {
  description = "Yes: an original can be written once and never replaced. Migrate first."
  type        = string
  default     = "No"
  validation {
    condition     = contains(["No", "Yes"], var.write_once_originals)
    error_message = "WriteOnceOriginals is No or Yes."
  }
}

variable "company_key_wrap" {
  description = "On: the stack makes a key that wraps your company key besides the operator's; no proxy opens without both."
  type        = string
  default     = "Off"
  validation {
    condition     = contains(["Off", "On"], var.company_key_wrap)
    error_message = "CompanyKeyWrap is Off or On."
  }
}

variable "allow_purge" {
  description = "Yes: the purge role exists, and the platform may delete versions for good."
  type        = string
  default     = "No"
  validation {
    condition     = contains(["No", "Yes"], var.allow_purge)
    error_message = "AllowPurge is No or Yes."
  }
}

variable "log_retention_days" {
  description = "How long access logs are kept."
  type        = number
  default     = 365
  validation {
    condition     = var.log_retention_days >= 30 && var.log_retention_days <= 3650
    error_message = "LogRetentionDays is 30 to 3650."
  }
}

variable "data_event_trail" {
  description = "On: CloudTrail records every access to an object within minutes. AWS charges for it."
  type        = string
  default     = "Off"
  validation {
    condition     = contains(["Off", "On"], var.data_event_trail)
    error_message = "DataEventTrail is Off or On."
  }
}
