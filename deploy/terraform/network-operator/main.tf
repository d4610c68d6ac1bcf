# Made from reelkeep/contract/network.py; change that, not this file. Not verified on AWS.

data "aws_region" "current" {
}

data "aws_partition" "current" {
}

# Companies' endpoints lead here; it has no public address.
resource "aws_lb" "site_balancer" {
  # checkov:skip=CKV_AWS_91:It logs TLS that it opens itself; here TLS passes through, and the gateway counts connections.
  load_balancer_type               = "network"
  internal                         = true
  subnets                          = var.subnet_ids
  enable_deletion_protection       = true
  enable_cross_zone_load_balancing = true
}

# A PROXY header tells the gateway through whose endpoint somebody came.
resource "aws_lb_target_group" "gateways" {
  protocol             = "TCP"
  port                 = var.gateway_port
  target_type          = "instance"
  vpc_id               = var.vpc_id
  proxy_protocol_v2    = true
  preserve_client_ip   = false
  deregistration_delay = 30
  health_check {
    protocol = "TCP"
  }
}

# TLS passes through; it ends in the company's own process.
resource "aws_lb_listener" "site_listener" {
  load_balancer_arn = aws_lb.site_balancer.arn
  protocol          = "TCP"
  port              = 443
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.gateways.arn
  }
}

# Nobody's endpoint leads here before the operator let it in.
resource "aws_vpc_endpoint_service" "site_service" {
  network_load_balancer_arns = [aws_lb.site_balancer.arn]
  acceptance_required        = true
  allowed_principals         = var.company_principals
}

# The platform's hosts alone use the endpoint for buckets.
resource "aws_security_group" "storage_group" {
  description = "Reelkeep, HTTPS from one network"
  vpc_id      = var.vpc_id
  ingress {
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    description = "HTTPS"
    cidr_blocks = [var.platform_network]
  }
}

# The platform's own requests to isolated buckets go through here.
resource "aws_vpc_endpoint" "storage_endpoint" {
  vpc_endpoint_type   = "Interface"
  service_name        = "com.amazonaws.${data.aws_region.current.region}.s3"
  vpc_id              = var.vpc_id
  subnet_ids          = var.subnet_ids
  security_group_ids  = [aws_security_group.storage_group.id]
  private_dns_enabled = false
}
