output "arn" {
  description = "The state machine: start it with `{\"mode\": \"enforce\"}`."
  value       = aws_sfn_state_machine.this.arn
}

output "bucket_arn" {
  description = "The same, by its ARN."
  value       = aws_s3_bucket.this.arn
}

output "bucket" {
  description = "Where the parts of a run meet."
  value       = aws_s3_bucket.this.bucket
}
