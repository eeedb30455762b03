output "arn" {
  description = "The bucket's ARN, known before it is made."
  value       = local.arn
}

output "bucket" {
  description = "The bucket's name, known when it is made."
  value       = aws_s3_bucket.this.bucket
}

output "id" {
  description = "The same, for what is set of the bucket elsewhere."
  value       = aws_s3_bucket.this.id
}

output "ids" {
  description = "What each of its resources is called in a state: a test holds that none was replaced."
  value = {
    aws_s3_bucket                                      = aws_s3_bucket.this.id
    aws_s3_bucket_versioning                           = aws_s3_bucket_versioning.this.id
    aws_s3_bucket_ownership_controls                   = aws_s3_bucket_ownership_controls.this.id
    aws_s3_bucket_public_access_block                  = aws_s3_bucket_public_access_block.this.id
    aws_s3_bucket_server_side_encryption_configuration = aws_s3_bucket_server_side_encryption_configuration.this.id
    aws_s3_bucket_lifecycle_configuration              = aws_s3_bucket_lifecycle_configuration.this.id
    aws_s3_bucket_policy                               = aws_s3_bucket_policy.this.id
  }
}

output "policy" {
  description = "Its policy."
  value       = aws_s3_bucket_policy.this.policy
}

output "rules" {
  description = "What becomes of its objects, as S3 has it."
  value       = aws_s3_bucket_lifecycle_configuration.this.rule
}
