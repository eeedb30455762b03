output "arn" {
  description = "The bucket's ARN."
  value       = local.arn
}

output "bucket" {
  description = "The bucket's name."
  value       = module.bucket.bucket
}

output "log_arn" {
  description = "The ARN of the bucket with the access log."
  value       = local.log_arn
}
