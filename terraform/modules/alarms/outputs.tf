output "run_within_days" {
  description = "After how many days without a run an alarm goes off; `null` if none does."
  value       = var.run_within_days
}

output "topic_arn" {
  description = "The topic that was created; `null` if none was."
  value       = one(aws_sns_topic.this[*].arn)
}
