resource "aws_sesv2_email_identity" "sender" {
  count = var.create && var.from_arn == null ? 1 : 0

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
  here      = "arn:${var.partition}:ses:${var.region}:${var.account_id}"
  is_domain = !strcontains(var.identity, "@")
  # Known after the first apply.
  tokens = try(aws_sesv2_email_identity.sender[0].dkim_signing_attributes[0].tokens, [])
}
