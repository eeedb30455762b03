output "dkim_records" {
  description = "CNAME records that prove the domain to be yours; empty for an address."
  value       = { for token in local.tokens : "${token}._domainkey.${var.identity}" => "${token}.dkim.amazonses.com" }
}

output "arns" {
  description = "What the sender's policy must name: the sender's identity, or the other account's; the configuration set; and, because SES asks for them in its sandbox, the identities of test recipients."
  value = concat(
    [coalesce(var.from_arn, "${local.here}:identity/${var.identity}")],
    var.configuration_set == null ? [] : ["${local.here}:configuration-set/${var.configuration_set}"],
    [for recipient in sort(tolist(var.test_recipients)) : "${local.here}:identity/${recipient}"],
  )
}
