# Made from the bucket contract; change the contract, not this file.

terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source = "hashicorp/aws"
      version = ">= 6.30"
    }
  }
}
