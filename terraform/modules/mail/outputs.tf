output "dkim_records" {
  description = "CNAME records that prove the domain to be yours; empty for an address."
  value       = { for token in local.tokens : "${token}._domainkey.${var.identity}" => "${token}.dkim.amazonses.com" }
}

output "identity_arns" {
  description = "The identities that the sender's policy must name: the sender's and, because SES asks for them in its sandbox, those of test recipients."
  value = [for identity in concat([var.identity], sort(tolist(var.test_recipients))) :
    "arn:${var.partition}:ses:${var.region}:${var.account_id}:identity/${identity}"
  ]
}
