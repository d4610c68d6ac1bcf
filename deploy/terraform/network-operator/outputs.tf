# Made from reelkeep/contract/network.py; change that, not this file. Not verified on AWS.

output "site_service_name" {
  description = "What companies give as SiteServiceName"
  value       = aws_vpc_endpoint_service.site_service.service_name
}

output "gateways_id" {
  description = "The target group: register the gateways' hosts here"
  value       = aws_lb_target_group.gateways.id
}

output "storage_endpoint_id" {
  description = "What companies add to AllowedEndpoints"
  value       = aws_vpc_endpoint.storage_endpoint.id
}

output "storage_endpoint_name" {
  description = "What is given as --platform-endpoint"
  value       = aws_vpc_endpoint.storage_endpoint.dns_entry[0].dns_name
}
