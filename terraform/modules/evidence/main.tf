# Where the function leaves what lasts: the history of each run. It is added to, and nothing in it is changed: every object keeps
# its versions, nobody writes over one, and nobody deletes one but the lifecycle. With `lock`, not even who may change this policy
# can, for so many days.

module "bucket" {
  source = "../bucket"

  bucket              = var.bucket
  partition           = var.partition
  kms_key_arn         = var.kms_key_arn
  object_lock_enabled = var.lock != null
  statements          = local.statements

  rules = concat(
    [{ id = "cold", cold_after_days = 90 }],
    [for days in [var.keep_days] : { id = "gone", gone_after_days = days, abort_uploads = false } if days != null],
  )
}

resource "aws_s3_bucket_object_lock_configuration" "this" {
  count = var.lock == null ? 0 : 1

  bucket = module.bucket.id

  rule {
    default_retention {
      mode = var.lock.mode
      days = var.lock.days
    }
  }
}

resource "aws_s3_bucket_logging" "this" {
  bucket        = module.bucket.id
  target_bucket = module.log.id
  target_prefix = "access/"
}

# Who read or wrote what.
module "log" {
  source = "../bucket"

  bucket     = "${var.bucket}-log"
  partition  = var.partition
  statements = local.log_statements
  rules      = [{ id = "gone", gone_after_days = var.log_retention_days }]
}

locals {
  arn     = "arn:${var.partition}:s3:::${var.bucket}"
  log_arn = "${local.arn}-log"

  statements = jsonencode([
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
  ])

  log_statements = jsonencode([
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
  ])
}
