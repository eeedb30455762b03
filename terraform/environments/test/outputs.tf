output "reader_policy_arns" {
  description = "The policies with which users read their own secrets: by account, then by the template of the secrets' names. Attach each to its users."
  value = merge(
    { for name, access in var.accounts : name => module.rotation.reader_policy_arns if access.role == null },
    { for name, account in local.accounts : name => account.reader_policy_arns },
  )

  precondition {
    condition     = length(setsubtract([for name, access in var.accounts : name if access.role != null], keys(local.accounts))) == 0
    error_message = "These accounts of the manifests have a role and no module in accounts.tf, so nothing would make the role: ${join(", ", setsubtract([for name, access in var.accounts : name if access.role != null], keys(local.accounts)))}."
  }
}

output "rotation" {
  description = "What a person needs to know of the stack."
  value       = module.rotation
}
