output "plan_role_arn" {
  description = "The role that only reads; `null` if there is none."
  value       = try(aws_iam_role.this["plan"].arn, null)
}

output "reader_policy_arn" {
  description = "The policy with which users read their own secrets; `null` if no rule's secrets have the user's name."
  value       = one(module.reader[*].arn)
}

output "role_arn" {
  description = "The role that rotates keys."
  value       = try(aws_iam_role.this["execution"].arn, null)
}
