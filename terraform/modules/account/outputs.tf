output "deploy_role_arn" {
  description = "The role that ships manifests; `null` if there is none."
  value       = one(aws_iam_role.deploy[*].arn)
}

output "plan_role_arn" {
  description = "The role that only reads; `null` if there is none."
  value       = try(aws_iam_role.this["plan"].arn, null)
}

output "reader_policy_arns" {
  description = "The policies with which users read their own secrets, by the template of the secrets' names."
  value       = { for template, reader in module.reader : template => reader.arn }
}

output "role_arn" {
  description = "The role that rotates keys."
  value       = try(aws_iam_role.this["execution"].arn, null)
}
