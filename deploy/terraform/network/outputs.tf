# Made from reelkeep/contract/network.py; change that, not this file. Not verified on AWS.

output "site_endpoint_id" {
  description = "For Reelkeep's Network page"
  value       = aws_vpc_endpoint.site_endpoint.id
}

output "storage_endpoint_id" {
  description = "For AllowedEndpoints of the storage stack"
  value       = aws_vpc_endpoint.storage_endpoint.id
}

output "storage_endpoint_name" {
  description = "What the operator gives as --client-endpoint"
  value       = aws_vpc_endpoint.storage_endpoint.dns_entry[0].dns_name
}
