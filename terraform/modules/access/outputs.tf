output "actions" {
  description = "All that the role could ever need, whatever the manifests say: for a permissions boundary that does not change with them."
  value       = sort(distinct(flatten([for statement in concat(local.plan, local.write) : statement.Action])))
}

output "execution" {
  description = "The policy of a role that rotates keys in this account."
  value       = local.documents.execution
}

output "plan" {
  description = "The policy of a role that plans for this account and changes nothing."
  value       = local.documents.plan
}
