resource "aws_scheduler_schedule_group" "this" {
  name = var.name
}

resource "aws_scheduler_schedule" "this" {
  for_each = var.schedules

  name                         = each.key
  description                  = local.descriptions[each.key]
  group_name                   = aws_scheduler_schedule_group.this.name
  state                        = var.paused ? "DISABLED" : "ENABLED"
  schedule_expression          = each.value
  schedule_expression_timezone = "UTC"
  kms_key_arn                  = var.kms_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = coalesce(var.state_machine_arn, var.function_arn)
    role_arn = aws_iam_role.this.arn
    input    = jsonencode({ mode = each.key })

    retry_policy {
      maximum_event_age_in_seconds = 21600
      maximum_retry_attempts       = 10
    }

    dead_letter_config {
      arn = aws_sqs_queue.undelivered.arn
    }
  }
}

# What Scheduler could not hand to the function: not a failed run, but none.
resource "aws_sqs_queue" "undelivered" {
  name                      = "${var.name}-undelivered"
  message_retention_seconds = 1209600
  kms_master_key_id         = var.kms_key_arn
}

resource "aws_iam_role" "this" {
  name        = "${var.name}-schedule"
  description = var.state_machine_arn == null ? "Lets EventBridge Scheduler call the function ${var.name}" : "Lets EventBridge Scheduler start the state machine ${var.name}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = var.account_id
          "aws:SourceArn"     = aws_scheduler_schedule_group.this.arn
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "call"
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      var.state_machine_arn == null ? {
        Sid      = "CallFunction"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = [var.function_arn]
        } : {
        Sid      = "StartFleet"
        Effect   = "Allow"
        Action   = ["states:StartExecution"]
        Resource = [var.state_machine_arn]
      },
      {
        Sid      = "KeepUndelivered"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = [aws_sqs_queue.undelivered.arn]
      },
      {
        Sid      = "EncryptUndelivered"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [var.kms_key_arn]
        Condition = {
          StringEquals = { "kms:ViaService" = ["scheduler.${var.region}.${var.dns_suffix}", "sqs.${var.region}.${var.dns_suffix}"] }
        }
      },
    ]
  })
}

locals {
  descriptions = {
    enforce = "Starts rotations"
    tend    = "Carries on rotations under way"
  }
}
