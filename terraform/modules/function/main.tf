resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_50:X-Ray would record AWS calls only, and the log has a line for each.
  # checkov:skip=CKV_AWS_116:the failure destination below keeps events with the reason; a dead-letter queue would keep them twice.
  # checkov:skip=CKV_AWS_117:the function calls public AWS endpoints and nothing in any network.
  # checkov:skip=CKV_AWS_272:the package is built from the commit that is applied; a signing profile is the account's to add.
  function_name = var.name
  description   = "Rotates the access keys of IAM users as the manifests of ${coalesce(var.revision, "its package")} say"
  role          = aws_iam_role.this.arn

  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  handler          = "bootstrap"
  runtime          = "provided.al2023"
  architectures    = [var.architecture]
  memory_size      = var.memory_size
  timeout          = var.timeout

  # Two runs at the same time would not harm, and would help nobody.
  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = merge(
      { KEYROTA_MANIFESTS = "manifests" },
      var.revision == null ? {} : { KEYROTA_REVISION = var.revision },
    )
  }

  logging_config {
    log_format = "Text" # keyrota writes JSON lines and embedded metrics itself
    log_group  = aws_cloudwatch_log_group.this.name
  }

  lifecycle {
    precondition {
      condition     = sum(concat([0], [for document in values(local.policies) : length(document)])) <= 10240
      error_message = "The policies of the execution role are longer than the 10,240 characters that IAM allows. Let fewer rules name more users: by globs, by a path or by tags."
    }
  }

  depends_on = [aws_iam_role_policy.this]
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

# What was not carried out after all retries, with the reason.
resource "aws_sqs_queue" "failed" {
  name                      = "${var.name}-failed"
  message_retention_seconds = 1209600
  kms_master_key_id         = var.kms_key_arn
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = var.maximum_retries
  maximum_event_age_in_seconds = 21600

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failed.arn
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = var.name
  description          = "Carries out what the manifests of ${var.name} say"
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = local.policies

  name   = each.key
  role   = aws_iam_role.this.id
  policy = each.value
}

locals {
  runtime = [
    {
      Sid      = "WriteLog"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
    },
    {
      Sid      = "KeepFailedEvents"
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = [aws_sqs_queue.failed.arn]
    },
    {
      Sid       = "EncryptFailedEvents"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = [var.kms_key_arn]
      Condition = { StringEquals = { "kms:ViaService" = "sqs.${var.region}.amazonaws.com" } }
    },
  ]
  policies = merge(
    { runtime = jsonencode({ Version = "2012-10-17", Statement = local.runtime }) },
    var.policies,
  )
}
