# A run in parts: a state machine lists the accounts, gives each an invocation of the function, and merges what they did.
# What they leave for the merge is in a bucket of its own, and goes after some weeks.

resource "aws_sfn_state_machine" "this" {
  # checkov:skip=CKV_AWS_284:X-Ray would record invocations of one function, which logs them itself.
  # checkov:skip=CKV_AWS_285:Step Functions keeps the history of executions for 90 days, and the function logs what it does; to deliver logs the role would need to write log policies of the whole account.
  name       = var.name
  role_arn   = aws_iam_role.this.arn
  type       = "STANDARD"
  definition = local.definition

  # Else its first execution may find that it may do nothing.
  depends_on = [aws_iam_role_policy.this]
}

resource "aws_iam_role" "this" {
  name        = "${var.name}-fleet"
  description = "Lets the state machine ${var.name} call its function, and nothing else"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "states.amazonaws.com" }
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnLike      = { "aws:SourceArn" = "arn:${var.partition}:states:${var.region}:${var.account_id}:stateMachine:${var.name}" }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name   = "fleet"
  role   = aws_iam_role.this.name
  policy = local.policy
}

module "bucket" {
  source = "../bucket"

  bucket      = var.bucket
  partition   = var.partition
  kms_key_arn = var.kms_key_arn
  rules       = [{ id = "gone", gone_after_days = var.keep_days }]
}

locals {
  states = "arn:${var.partition}:states:${var.region}:${var.account_id}"
  # Known before it is made, so that a plan shows the policies that name it.
  arn = "${local.states}:stateMachine:${var.name}"

  # The throttling of Lambda, and what the function says where AWS takes no call of an account any more. Nothing else is tried
  # again by itself: what failed once, the next run tries.
  retry = [{
    ErrorEquals     = ["Lambda.TooManyRequestsException", "Throttled"]
    IntervalSeconds = 5
    BackoffRate     = 2
    MaxAttempts     = 6
    MaxDelaySeconds = 300
    JitterStrategy  = "FULL"
  }]

  definition = templatefile("${path.module}/state-machine.asl.json.tftpl", {
    name                         = var.name
    partition                    = var.partition
    function_arn                 = var.function_arn
    bucket                       = var.bucket
    max_concurrency              = var.max_concurrency
    tolerated_failure_percentage = var.tolerated_failure_percentage
    timeout                      = var.execution_timeout
    retry                        = jsonencode(local.retry)
  })

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = jsondecode(templatefile("${path.module}/statements.json.tftpl", {
      functions     = [var.function_arn]
      lists         = ["${module.bucket.arn}/runs/*/lists/*"]
      results       = ["${module.bucket.arn}/runs/*/map/*"]
      state_machine = [local.arn]
      # Of itself, and of the map within it.
      executions = ["${local.states}:execution:${var.name}:*", "${local.states}:execution:${var.name}/Accounts:*"]
      kms_key    = [var.kms_key_arn]
      via        = "s3.${var.region}.${var.dns_suffix}"
    })).Statement
  })
}
