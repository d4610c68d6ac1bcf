# Made from reelkeep/contract/network.py; change that, not this file. Not verified on AWS.

terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source = "hashicorp/aws"
      version = ">= 6.30"
    }
  }
}
