output "arn" {
  description = "The function's ARN."
  value       = aws_lambda_function.this.arn
}

output "boundary_arn" {
  description = "The permissions boundary of the role."
  value       = aws_iam_role.this.permissions_boundary
}

output "log_group_name" {
  description = "Where the function logs."
  value       = aws_cloudwatch_log_group.this.name
}

output "memory_size" {
  description = "The function's memory in MB."
  value       = aws_lambda_function.this.memory_size
}

output "name" {
  description = "The function's name."
  value       = aws_lambda_function.this.function_name
}

output "queue_name" {
  description = "The queue of what was not carried out after all retries."
  value       = aws_sqs_queue.failed.name
}

output "role_arn" {
  description = "The execution role: trust it in other accounts."
  value       = aws_iam_role.this.arn
}

output "role_name" {
  description = "The name of the execution role."
  value       = aws_iam_role.this.name
}
