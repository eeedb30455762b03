output "execution" {
  description = "The policy of a role that rotates keys in this account."
  value       = local.documents.execution
}

output "plan" {
  description = "The policy of a role that plans for this account and changes nothing."
  value       = local.documents.plan
}
