output "deploy_role_arn" {
  description = "The role for the workflow that ships manifests."
  value       = aws_iam_role.deploy.arn
}

output "plan_role_arn" {
  description = "The role for the workflow that plans."
  value       = aws_iam_role.plan.arn
}
