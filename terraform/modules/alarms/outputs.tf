output "topic_arn" {
  description = "The topic that was created; `null` if none was."
  value       = one(aws_sns_topic.this[*].arn)
}
