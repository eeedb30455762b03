# The bucket resources as they were before the module `bucket`: a state that is moved, and nothing in it replaced.

variable "bucket" {
  type = string
}

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_18,CKV_AWS_144,CKV_AWS_145,CKV2_AWS_62:a fixture of a test, which nobody makes.
  bucket = var.bucket
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
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "gone"
    status = "Enabled"

    filter {}

    expiration {
      days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = "{}"
}

resource "aws_s3_bucket" "log" {
  # checkov:skip=CKV_AWS_18,CKV_AWS_144,CKV_AWS_145,CKV2_AWS_62:a fixture of a test, which nobody makes.
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
      days = 30
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_policy" "log" {
  bucket = aws_s3_bucket.log.id
  policy = "{}"
}

output "ids" {
  value = {
    bucket = {
      aws_s3_bucket                                      = aws_s3_bucket.this.id
      aws_s3_bucket_versioning                           = aws_s3_bucket_versioning.this.id
      aws_s3_bucket_ownership_controls                   = aws_s3_bucket_ownership_controls.this.id
      aws_s3_bucket_public_access_block                  = aws_s3_bucket_public_access_block.this.id
      aws_s3_bucket_server_side_encryption_configuration = aws_s3_bucket_server_side_encryption_configuration.this.id
      aws_s3_bucket_lifecycle_configuration              = aws_s3_bucket_lifecycle_configuration.this.id
      aws_s3_bucket_policy                               = aws_s3_bucket_policy.this.id
    }
    log = {
      aws_s3_bucket                                      = aws_s3_bucket.log.id
      aws_s3_bucket_versioning                           = aws_s3_bucket_versioning.log.id
      aws_s3_bucket_ownership_controls                   = aws_s3_bucket_ownership_controls.log.id
      aws_s3_bucket_public_access_block                  = aws_s3_bucket_public_access_block.log.id
      aws_s3_bucket_server_side_encryption_configuration = aws_s3_bucket_server_side_encryption_configuration.log.id
      aws_s3_bucket_lifecycle_configuration              = aws_s3_bucket_lifecycle_configuration.log.id
      aws_s3_bucket_policy                               = aws_s3_bucket_policy.log.id
    }
  }
}
