output "arn" {
  description = "The policy's ARN, for roles."
  value       = aws_iam_policy.this.arn
}

output "policy" {
  description = "The document."
  value       = local.policy
}
