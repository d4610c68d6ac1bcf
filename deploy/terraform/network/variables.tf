# Made from reelkeep/contract/network.py; change that, not this file. Not verified on AWS.

variable "vpc_id" {
  type        = string
  description = "The network"
  validation {
    condition     = can(regex("^vpc-[0-9a-f]{8,17}$", var.vpc_id))
    error_message = "The network."
  }
}

variable "subnet_ids" {
  type        = list(string)
  description = "Its subnets, in two availability zones at least"
  validation {
    condition     = alltrue([for item in var.subnet_ids : can(regex("^subnet-[0-9a-f]{8,17}$", item))])
    error_message = "Its subnets, in two availability zones at least."
  }
}

variable "studio_network" {
  type        = string
  description = "From where people come, such as 10.0.0.0/8"
  validation {
    condition     = can(regex("^[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}$", var.studio_network))
    error_message = "From where people come, such as 10.0.0.0/8."
  }
}

variable "bucket_name" {
  type        = string
  description = "The media bucket"
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket_name))
    error_message = "The media bucket."
  }
}

variable "site_service_name" {
  type        = string
  description = "The operator's endpoint service, as they tell it"
  validation {
    condition     = can(regex("^com\\.amazonaws\\.vpce\\.[a-z0-9-]+\\.vpce-svc-[0-9a-f]{8,17}$", var.site_service_name))
    error_message = "The operator's endpoint service, as they tell it."
  }
}

variable "app_host" {
  type        = string
  description = "Host name of the site, such as acme.example.org"
  validation {
    condition     = can(regex("^[a-z0-9-]{1,63}(\\.[a-z0-9-]{1,63}){1,8}$", var.app_host))
    error_message = "Host name of the site, such as acme.example.org."
  }
}

variable "media_host" {
  type        = string
  description = "Host name of its media, such as acme-media.example.org"
  validation {
    condition     = can(regex("^[a-z0-9-]{1,63}(\\.[a-z0-9-]{1,63}){1,8}$", var.media_host))
    error_message = "Host name of its media, such as acme-media.example.org."
  }
}
