output "dkim_records" {
  description = "CNAME records that prove the domain to be yours; empty for an address."
  value       = { for token in local.tokens : "${token}._domainkey.${var.identity}" => "${token}.${local.dkim_domain}" }
}

output "arns" {
  description = "What the sender's policy must name: the sender's identity, or the other account's; the configuration sets; and, because SES asks for them in its sandbox, the identities of test recipients."
  value = concat(
    [coalesce(var.from_arn, "${local.here}:identity/${var.identity}")],
    [for name in local.configuration_sets : "${local.here}:configuration-set/${name}"],
    [for recipient in sort(tolist(var.test_recipients)) : "${local.here}:identity/${recipient}"],
  )
}
