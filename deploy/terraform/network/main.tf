# Made from reelkeep/contract/network.py; change that, not this file. Not verified on AWS.

data "aws_region" "current" {
}

data "aws_partition" "current" {
}

# The studio alone reaches the endpoints, at HTTPS alone.
resource "aws_security_group" "endpoint_group" {
  description = "Reelkeep, HTTPS from one network"
  vpc_id      = var.vpc_id
  ingress {
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    description = "HTTPS"
    cidr_blocks = [var.studio_network]
  }
}

# Media goes through here; nothing but signed links to objects of the one bucket passes.
resource "aws_vpc_endpoint" "storage_endpoint" {
  vpc_endpoint_type   = "Interface"
  service_name        = "com.amazonaws.${data.aws_region.current.region}.s3"
  vpc_id              = var.vpc_id
  subnet_ids          = var.subnet_ids
  security_group_ids  = [aws_security_group.endpoint_group.id]
  private_dns_enabled = false
  policy              = jsonencode({
    Version = "2012-10-17"
    Statement = [{
        Effect = "Allow"
        Principal = "*"
        Action = [
          "s3:GetObject",
          "s3:PutObject",
        ]
        Resource = ["arn:${data.aws_partition.current.partition}:s3:::${var.bucket_name}/*"]
      }]
  })
}

# The site is reached through here.
resource "aws_vpc_endpoint" "site_endpoint" {
  vpc_endpoint_type   = "Interface"
  service_name        = var.site_service_name
  vpc_id              = var.vpc_id
  subnet_ids          = var.subnet_ids
  security_group_ids  = [aws_security_group.endpoint_group.id]
  private_dns_enabled = false
}

# The site's name leads to the endpoint, in this network alone.
resource "aws_route53_zone" "app_zone" {
  name = var.app_host
  vpc {
    vpc_id = var.vpc_id
  }
}

# The name of pages and API.
resource "aws_route53_record" "app_record" {
  zone_id = aws_route53_zone.app_zone.zone_id
  name    = var.app_host
  type    = "A"
  alias {
    name                   = aws_vpc_endpoint.site_endpoint.dns_entry[0].dns_name
    zone_id                = aws_vpc_endpoint.site_endpoint.dns_entry[0].hosted_zone_id
    evaluate_target_health = false
  }
}

# The media's name leads there, too.
resource "aws_route53_zone" "media_zone" {
  name = var.media_host
  vpc {
    vpc_id = var.vpc_id
  }
}

# The name of segments and licences.
resource "aws_route53_record" "media_record" {
  zone_id = aws_route53_zone.media_zone.zone_id
  name    = var.media_host
  type    = "A"
  alias {
    name                   = aws_vpc_endpoint.site_endpoint.dns_entry[0].dns_name
    zone_id                = aws_vpc_endpoint.site_endpoint.dns_entry[0].hosted_zone_id
    evaluate_target_health = false
  }
}
