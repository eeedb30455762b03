output "group_name" {
  description = "The schedule group."
  value       = aws_scheduler_schedule_group.this.name
}

output "queue_name" {
  description = "The queue of calls that did not reach the function."
  value       = aws_sqs_queue.undelivered.name
}

output "role_arn" {
  description = "The role with which the function is called."
  value       = aws_iam_role.this.arn
}
