output "arn" {
  description = "The state machine: start it with `{\"mode\": \"enforce\"}`."
  value       = aws_sfn_state_machine.this.arn
}

output "bucket_arn" {
  description = "The same, by its ARN."
  value       = module.bucket.arn
}

output "bucket" {
  description = "Where the parts of a run meet."
  value       = module.bucket.bucket
}

output "definition" {
  description = "What the state machine does, in Amazon States Language."
  value       = aws_sfn_state_machine.this.definition
}
