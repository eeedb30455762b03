# A bucket that is closed to the public, encrypted, versioned, and reached by TLS alone. What goes from it, and when, its rules say.

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_18:whoever uses it logs its accesses where what is in it lasts.
  # checkov:skip=CKV_AWS_144:a copy in another region is the account's to add.
  # checkov:skip=CKV_AWS_145:S3 delivers access logs to no bucket that KMS encrypts; every other one has a key.
  # checkov:skip=CKV2_AWS_62:nobody waits for what is put into it.
  bucket              = var.bucket
  object_lock_enabled = var.object_lock_enabled
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    bucket_key_enabled = var.kms_key_arn == null ? null : true

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  dynamic "rule" {
    for_each = var.rules

    content {
      id     = rule.value.id
      status = "Enabled"

      filter {}

      dynamic "transition" {
        for_each = rule.value.cold_after_days == null ? [] : [rule.value.cold_after_days]

        content {
          days          = transition.value
          storage_class = "GLACIER_IR"
        }
      }

      dynamic "expiration" {
        for_each = rule.value.gone_after_days == null ? [] : [rule.value.gone_after_days]

        content {
          days = expiration.value
        }
      }

      dynamic "noncurrent_version_expiration" {
        for_each = rule.value.gone_after_days == null ? [] : [1]

        content {
          noncurrent_days = noncurrent_version_expiration.value
        }
      }

      dynamic "abort_incomplete_multipart_upload" {
        for_each = rule.value.abort_uploads ? [1] : []

        content {
          days_after_initiation = abort_incomplete_multipart_upload.value
        }
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = local.policy

  depends_on = [aws_s3_bucket_public_access_block.this]
}

locals {
  arn = "arn:${var.partition}:s3:::${var.bucket}"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(jsondecode(var.statements), [{
      Sid       = "NeverUnencrypted"
      Effect    = "Deny"
      Action    = ["s3:*"]
      Resource  = [local.arn, "${local.arn}/*"]
      Principal = "*"
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }])
  })
}
