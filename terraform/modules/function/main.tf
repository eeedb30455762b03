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

  # Two runs at the same time do no harm (see docs/lambda.md), and help nobody.
  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn

  environment {
    variables = merge(
      # Two stacks of one account must not be taken for one another by their alarms.
      { KEYROTA_MANIFESTS = "manifests", KEYROTA_METRICS_NAMESPACE = var.name },
      var.revision == null ? {} : { KEYROTA_REVISION = var.revision },
      var.evidence_bucket == null ? {} : { KEYROTA_EVIDENCE = "s3://${var.evidence_bucket}" },
      var.fleet_bucket == null ? {} : { KEYROTA_FLEET = "s3://${var.fleet_bucket}" },
    )
  }

  logging_config {
    # Lambda tells keyrota the format and the level, and keyrota writes JSON lines.
    log_format            = "JSON"
    application_log_level = var.log_level
    system_log_level      = "INFO"
    log_group             = aws_cloudwatch_log_group.this.name
  }

  lifecycle {
    precondition {
      # The role's own policy, whose length a first plan can't tell, takes less than 1,740.
      condition     = sum(concat([0], [for document in values(var.policies) : length(document)])) <= 8500
      error_message = "The policies of the execution role would be longer than the 10,240 characters that IAM allows: the manifests need ${sum(concat([0], [for document in values(var.policies) : length(document)]))}. Let fewer rules name more users: by globs, by a path or by tags."
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
  role   = aws_iam_role.this.name
  policy = each.value
}

locals {
  here = "${var.region}:${var.account_id}"

  # New objects and nothing else: what is there is not read, written over or deleted.
  evidence = var.evidence_bucket == null ? [] : [{
    Sid       = "AddEvidence"
    Effect    = "Allow"
    Action    = ["s3:PutObject"]
    Resource  = ["arn:${var.partition}:s3:::${var.evidence_bucket}/*"]
    Condition = { Null = { "s3:if-none-match" = "false" } }
  }]

  # What runs measure is kept for the next, and the parts of a run meet: both are read again.
  shared = [for statement in jsondecode(templatefile("${path.module}/statements/share.json.tftpl", {
    measured         = var.evidence_bucket == null || var.fleet_bucket != null ? [] : ["arn:${var.partition}:s3:::${var.evidence_bucket}/accounts/*"]
    evidence_buckets = var.evidence_bucket == null || var.fleet_bucket != null ? [] : ["arn:${var.partition}:s3:::${var.evidence_bucket}"]
    parts            = var.fleet_bucket == null ? [] : ["arn:${var.partition}:s3:::${var.fleet_bucket}/*"]
    fleet_buckets    = var.fleet_bucket == null ? [] : ["arn:${var.partition}:s3:::${var.fleet_bucket}"]
  })).Statement : statement if length(statement.Resource) > 0]
  via = concat(["lambda", "sqs"], var.evidence_bucket == null && var.fleet_bucket == null ? [] : ["s3"])

  runtime = [
    {
      Sid      = "WriteLog"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = ["arn:${var.partition}:logs:${local.here}:log-group:/aws/lambda/${var.name}:*"]
    },
    {
      Sid      = "KeepFailedEvents"
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = ["arn:${var.partition}:sqs:${local.here}:${var.name}-failed"]
    },
    {
      # Failed events, the environment when the function starts, and evidence.
      Sid       = "UseKeyOfTheStack"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = [var.kms_key_arn]
      Condition = { StringEquals = { "kms:ViaService" = [for service in local.via : "${service}.${var.region}.${var.dns_suffix}"] } }
    },
  ]
  policies = merge(
    { runtime = jsonencode({ Version = "2012-10-17", Statement = concat(local.runtime, local.evidence, local.shared) }) },
    var.policies,
  )
}
