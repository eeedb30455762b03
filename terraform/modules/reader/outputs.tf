output "arn" {
  description = "The policy's ARN."
  value       = aws_iam_policy.this.arn
}
