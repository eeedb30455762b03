# For what the stack itself stores: logs, queued events, alarms and the function's environment. Never for the users'
# secrets: whoever destroys the stack would make them unreadable. Their key is the manifests' `kms-key`, and not of
# this stack.

resource "aws_kms_key" "this" {
  description             = "${var.name}: logs, queues, alarms and environment of the rotation function"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = local.policy
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}

locals {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "IamPoliciesDecide"
        Effect    = "Allow"
        Action    = "kms:*"
        Resource  = "*"
        Principal = { AWS = "arn:${var.partition}:iam::${var.account_id}:root" }
      },
      {
        Sid       = "LogsOfTheFunction"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource  = "*"
        Principal = { Service = "logs.${var.region}.${var.dns_suffix}" }
        Condition = {
          ArnEquals = {
            "kms:EncryptionContext:aws:logs:arn" = "arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:/aws/lambda/${var.name}"
          }
        }
      },
      {
        Sid       = "AlarmsToTheTopic"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
      },
      {
        # What is encrypted with it already stays readable.
        Sid       = "NeverForSecrets"
        Effect    = "Deny"
        Action    = ["kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncryptTo"]
        Resource  = "*"
        Principal = { AWS = "*" }
        Condition = { StringLike = { "kms:ViaService" = "secretsmanager.*.${var.dns_suffix}" } }
      },
    ]
  })
}
