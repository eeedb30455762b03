resource "aws_sesv2_email_identity" "sender" {
  count = var.create && var.from_arn == null ? 1 : 0

  email_identity = var.identity
  region         = var.region
  # So that who ships manifests can replace the stack's own senders, and no others.
  tags = { stack = var.name }
}

# A configuration set that is attached to an identity is used by every mail, and needs a permission of its own.
data "aws_sesv2_email_identity" "existing" {
  count = !var.create && var.from_arn == null ? 1 : 0

  email_identity = var.identity
  region         = var.region
}

# While the account is in the SES sandbox, mail goes to verified recipients only.
resource "aws_sesv2_email_identity" "recipient" {
  for_each = var.test_recipients

  email_identity = each.value
  region         = var.region
}

locals {
  here = "arn:${var.partition}:ses:${var.region}:${var.account_id}"
  # Known after the first apply.
  tokens = try(aws_sesv2_email_identity.sender[0].dkim_signing_attributes[0].tokens, [])

  configuration_sets = distinct(compact(concat(
    [var.configuration_set],
    data.aws_sesv2_email_identity.existing[*].configuration_set_name,
  )))

  # The regions whose DKIM domain is their own; the provider tells the tokens only. From "DKIM domains" in the AWS General
  # Reference, "Amazon Simple Email Service endpoints and quotas", September 2026.
  own_dkim_domain = [
    "af-south-1", "ap-northeast-3", "ap-south-2", "ap-southeast-3", "ap-southeast-5", "ca-west-1",
    "eu-central-2", "eu-south-1", "il-central-1", "me-central-1", "us-gov-east-1",
  ]
  dkim_domain = contains(local.own_dkim_domain, var.region) ? "dkim.${var.region}.amazonses.com" : "dkim.amazonses.com"
}
