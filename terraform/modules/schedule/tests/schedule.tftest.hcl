mock_provider "aws" {
  mock_resource "aws_scheduler_schedule_group" {
    defaults = { arn = "arn:aws:scheduler:eu-west-1:111122223333:schedule-group/keyrota" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:111122223333:keyrota-undelivered" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/keyrota-schedule" }
  }
}

variables {
  name         = "keyrota"
  account_id   = "111122223333"
  region       = "eu-west-1"
  function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:keyrota"
  kms_key_arn  = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
  schedules    = { enforce = "cron(0 8 1 * ? *)", tend = "cron(0 8 * * ? *)" }
}

run "calls_the_function_in_both_modes" {
  assert {
    condition     = { for name, one in aws_scheduler_schedule.this : name => one.schedule_expression } == { enforce = "cron(0 8 1 * ? *)", tend = "cron(0 8 * * ? *)" }
    error_message = "each mode has its schedule"
  }
  assert {
    condition     = alltrue([for name, one in aws_scheduler_schedule.this : jsondecode(one.target[0].input) == { mode = name }])
    error_message = "the function is told its mode"
  }
  assert {
    condition     = alltrue([for one in aws_scheduler_schedule.this : one.state == "ENABLED" && one.schedule_expression_timezone == "UTC"])
    error_message = "schedules are enabled, and in UTC"
  }
  assert {
    condition     = alltrue([for one in aws_scheduler_schedule.this : one.target[0].dead_letter_config[0].arn == aws_sqs_queue.undelivered.arn])
    error_message = "what can't be delivered is kept"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.this.policy).Statement[0].Resource == [var.function_arn]
    error_message = "the role may call this function only"
  }
  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    error_message = "no other account's schedules may use the role"
  }
}

run "pauses" {
  variables {
    paused = true
  }
  assert {
    condition     = alltrue([for one in aws_scheduler_schedule.this : one.state == "DISABLED"])
    error_message = "both schedules are disabled"
  }
}

run "refuses_what_is_no_expression" {
  command = plan
  variables {
    schedules = { enforce = "monthly", tend = "cron(0 8 * * ? *)" }
  }
  expect_failures = [var.schedules]
}

run "refuses_a_missing_schedule" {
  command = plan
  variables {
    schedules = { enforce = "cron(0 8 1 * ? *)" }
  }
  expect_failures = [var.schedules]
}

run "refuses_the_line_of_a_crontab" {
  command = plan
  variables {
    schedules = { enforce = "cron(0 8 1 * *)", tend = "cron(0 8 * * * *)" }
  }
  expect_failures = [var.schedules]
}

run "takes_rates" {
  command = plan
  variables {
    schedules = { enforce = "rate(30 days)", tend = "cron(0/15 8-17 ? * MON-FRI *)" }
  }
}

run "starts_a_state_machine_instead" {
  variables {
    state_machine_arn = "arn:aws:states:eu-west-1:111122223333:stateMachine:keyrota"
  }
  assert {
    condition     = alltrue([for schedule in aws_scheduler_schedule.this : schedule.target[0].arn == var.state_machine_arn])
    error_message = "both schedules do"
  }
  assert {
    condition = [for one in jsondecode(aws_iam_role_policy.this.policy).Statement : [one.Action, one.Resource] if contains(["CallFunction", "StartFleet"], one.Sid)] == [
      [["states:StartExecution"], [var.state_machine_arn]]
    ]
    error_message = "and may no longer call the function"
  }
}
