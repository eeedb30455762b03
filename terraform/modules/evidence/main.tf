# Where the function leaves what lasts: the history of each run. It is added to, and nothing in it is changed: every object keeps
# its versions, nobody writes over one, and nobody deletes one but the lifecycle. With `lock`, not even who may change this policy
# can, for so many days.

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_144:a copy in another region is the account's to add.
  # checkov:skip=CKV2_AWS_62:nobody waits for a history.
  bucket              = var.bucket
  object_lock_enabled = var.lock != null
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_object_lock_configuration" "this" {
  count = var.lock == null ? 0 : 1

  bucket = aws_s3_bucket.this.id

  rule {
    default_retention {
      mode = var.lock.mode
      days = var.lock.days
    }
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
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "cold"
    status = "Enabled"

    filter {}

    transition {
      days          = 90
      storage_class = "GLACIER_IR"
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  dynamic "rule" {
    for_each = var.keep_days == null ? [] : [var.keep_days]

    content {
      id     = "gone"
      status = "Enabled"

      filter {}

      expiration {
        days = rule.value
      }

      noncurrent_version_expiration {
        noncurrent_days = 1
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_logging" "this" {
  bucket        = aws_s3_bucket.this.id
  target_bucket = aws_s3_bucket.log.id
  target_prefix = "access/"
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = local.policy

  depends_on = [aws_s3_bucket_public_access_block.this]
}

# Who read or wrote what.
resource "aws_s3_bucket" "log" {
  # checkov:skip=CKV_AWS_18:it is the log.
  # checkov:skip=CKV_AWS_144:a copy in another region is the account's to add.
  # checkov:skip=CKV_AWS_145:S3 delivers access logs to no bucket that KMS encrypts.
  # checkov:skip=CKV2_AWS_62:nobody waits for a log.
  bucket = "${var.bucket}-log"
}

resource "aws_s3_bucket_versioning" "log" {
  bucket = aws_s3_bucket.log.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_ownership_controls" "log" {
  bucket = aws_s3_bucket.log.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "log" {
  bucket                  = aws_s3_bucket.log.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "log" {
  bucket = aws_s3_bucket.log.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "log" {
  bucket = aws_s3_bucket.log.id

  rule {
    id     = "gone"
    status = "Enabled"

    filter {}

    expiration {
      days = var.log_retention_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  depends_on = [aws_s3_bucket_versioning.log]
}

resource "aws_s3_bucket_policy" "log" {
  bucket = aws_s3_bucket.log.id
  policy = local.log_policy

  depends_on = [aws_s3_bucket_public_access_block.log]
}

locals {
  arn     = "arn:${var.partition}:s3:::${var.bucket}"
  log_arn = "${local.arn}-log"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # Only what is not there yet is written.
        Sid       = "NeverWriteOver"
        Effect    = "Deny"
        Action    = ["s3:PutObject"]
        Resource  = ["${local.arn}/*"]
        Principal = "*"
        Condition = { Null = { "s3:if-none-match" = "true" } }
      },
      {
        # The lifecycle is not bound to it.
        Sid       = "NeverDelete"
        Effect    = "Deny"
        Action    = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
        Resource  = ["${local.arn}/*"]
        Principal = "*"
      },
      {
        Sid       = "NeverUnencrypted"
        Effect    = "Deny"
        Action    = ["s3:*"]
        Resource  = [local.arn, "${local.arn}/*"]
        Principal = "*"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })

  log_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AccessLogs"
        Effect    = "Allow"
        Action    = ["s3:PutObject"]
        Resource  = ["${local.log_arn}/access/*"]
        Principal = { Service = "logging.s3.amazonaws.com" }
        Condition = {
          ArnLike      = { "aws:SourceArn" = local.arn }
          StringEquals = { "aws:SourceAccount" = var.account_id }
        }
      },
      {
        Sid       = "NeverUnencrypted"
        Effect    = "Deny"
        Action    = ["s3:*"]
        Resource  = [local.log_arn, "${local.log_arn}/*"]
        Principal = "*"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}
