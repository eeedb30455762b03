mock_provider "aws" {
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/keyrota" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:111122223333:keyrota-failed" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/keyrota" }
  }
}

variables {
  name                     = "keyrota"
  account_id               = "111122223333"
  partition                = "aws"
  region                   = "eu-west-1"
  package                  = "main.tf" # any file will do
  kms_key_arn              = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
  policies                 = { rotation = "{}" }
  permissions_boundary_arn = "arn:aws:iam::111122223333:policy/keyrota-boundary"
}

run "has_the_defaults" {
  assert {
    condition     = aws_lambda_function.this.runtime == "provided.al2023" && aws_lambda_function.this.handler == "bootstrap"
    error_message = "keyrota is a custom runtime"
  }
  assert {
    condition     = aws_lambda_function.this.architectures == tolist(["arm64"]) && aws_lambda_function.this.memory_size == 128
    error_message = "arm64 with 128 MB"
  }
  assert {
    condition     = aws_lambda_function.this.timeout == 900 && aws_lambda_function.this.reserved_concurrent_executions == 1
    error_message = "a quarter of an hour, one at a time"
  }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables == tomap({ KEYROTA_MANIFESTS = "manifests", KEYROTA_METRICS_NAMESPACE = "keyrota" })
    error_message = "manifests are in the package"
  }
  assert {
    condition     = aws_cloudwatch_log_group.this.retention_in_days == 365 && aws_cloudwatch_log_group.this.kms_key_id == var.kms_key_arn
    error_message = "the log is kept for a year, encrypted"
  }
  assert {
    condition     = aws_lambda_function_event_invoke_config.this.destination_config[0].on_failure[0].destination == aws_sqs_queue.failed.arn
    error_message = "failed events are kept"
  }
  assert {
    condition     = aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 2
    error_message = "a failed run is repeated twice"
  }
  assert {
    condition     = toset(keys(aws_iam_role_policy.this)) == toset(["rotation", "runtime"])
    error_message = "the role has the given policies and its own"
  }
  assert {
    condition     = aws_iam_role.this.permissions_boundary == var.permissions_boundary_arn
    error_message = "the role is bounded"
  }
}

run "writes_json_at_a_level_that_keeps_the_metrics" {
  assert {
    condition = (
      aws_lambda_function.this.logging_config[0].log_format == "JSON" &&
      aws_lambda_function.this.logging_config[0].application_log_level == "INFO" &&
      aws_lambda_function.this.logging_config[0].system_log_level == "INFO"
    )
    error_message = "Lambda drops lines below the level, and takes lines without one for INFO"
  }
}

run "names_the_revision" {
  variables {
    revision = "0123456789abcdef"
  }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables["KEYROTA_REVISION"] == "0123456789abcdef"
    error_message = "reports name the commit"
  }
}

run "refuses_policies_that_iam_would_refuse" {
  command = plan
  variables {
    policies = { rotation = join("", [for _ in range(1000) : "01234567890"]) }
  }
  expect_failures = [aws_lambda_function.this]
}

run "refuses_impossible_values" {
  command = plan
  variables {
    architecture         = "x86"
    log_level            = "WARN"
    log_retention_days   = 100
    maximum_retries      = 3
    memory_size          = 64
    reserved_concurrency = 0
    timeout              = 60
  }
  expect_failures = [
    var.architecture, var.log_level, var.log_retention_days, var.maximum_retries, var.memory_size, var.reserved_concurrency, var.timeout,
  ]
}

run "adds_evidence_and_does_nothing_else_with_it" {
  variables {
    evidence_bucket = "keyrota-evidence-111122223333"
  }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables["KEYROTA_EVIDENCE"] == "s3://keyrota-evidence-111122223333"
    error_message = "the function knows where"
  }
  assert {
    condition = [for one in jsondecode(aws_iam_role_policy.this["runtime"].policy).Statement : one if one.Sid == "AddEvidence"] == [
      {
        Sid       = "AddEvidence"
        Effect    = "Allow"
        Action    = ["s3:PutObject"]
        Resource  = ["arn:aws:s3:::keyrota-evidence-111122223333/*"]
        Condition = { Null = { "s3:if-none-match" = "false" } }
      }
    ]
    error_message = "new objects, and nothing else"
  }
  assert {
    condition = [for one in jsondecode(aws_iam_role_policy.this["runtime"].policy).Statement : one.Condition if one.Sid == "UseKeyOfTheStack"] == [
      { StringEquals = { "kms:ViaService" = ["lambda.eu-west-1.amazonaws.com", "sqs.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com"] } }
    ]
    error_message = "and its encryption"
  }
}
