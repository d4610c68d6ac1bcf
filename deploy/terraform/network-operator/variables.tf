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

variable "platform_network" {
  type        = string
  description = "Network of the platform's hosts, such as 10.20.0.0/16"
  validation {
    condition     = can(regex("^[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,2}$", var.platform_network))
    error_message = "Network of the platform's hosts, such as 10.20.0.0/16."
  }
}

variable "gateway_port" {
  type        = string
  description = "Port of the gateway's listener for PROXY headers"
  validation {
    condition     = can(regex("^[0-9]{2,5}$", var.gateway_port))
    error_message = "Port of the gateway's listener for PROXY headers."
  }
}

variable "company_principals" {
  type        = list(string)
  description = "Accounts that may ask for an endpoint, as arn:aws:iam::ACCOUNT:root"
  validation {
    condition     = alltrue([for item in var.company_principals : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(root|role/.+|user/.+)$", item))])
    error_message = "Accounts that may ask for an endpoint, as arn:aws:iam::ACCOUNT:root."
  }
}
