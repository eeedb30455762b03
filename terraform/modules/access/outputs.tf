output "execution" {
  description = "The policy of a role that rotates keys in this account."
  value       = local.documents.execution
}

output "plan" {
  description = "The policy of a role that plans for this account and changes nothing: it reads the whole account, so that it can plan for users that no policy names yet."
  value       = local.documents.plan
}
