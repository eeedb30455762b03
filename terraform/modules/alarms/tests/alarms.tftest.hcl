mock_provider "aws" {
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-west-1:111122223333:keyrota-alarms" }
  }
}

variables {
  name                   = "keyrota"
  namespace              = "keyrota"
  account_id             = "111122223333"
  function_name          = "keyrota"
  failed_queue_name      = "keyrota-failed"
  undelivered_queue_name = "keyrota-undelivered"
  kms_key_arn            = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
}

run "sees_what_matters" {
  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset(
      ["errors", "failed", "failures", "keys-over-max-age", "no-run", "undelivered"]
    )
    error_message = "the six alarms"
  }
  assert {
    condition = {
      for name in ["failures", "keys-over-max-age", "no-run"] : name => aws_cloudwatch_metric_alarm.this[name].metric_name
    } == { failures = "Failures", keys-over-max-age = "KeysOverMaxAge", no-run = "RunsCompleted" }
    error_message = "three alarms look at keyrota's own metrics"
  }
  assert {
    condition = alltrue([
      for name in ["failures", "keys-over-max-age", "no-run"] : aws_cloudwatch_metric_alarm.this[name].namespace == "keyrota"
    ])
    error_message = "in keyrota's namespace"
  }
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["no-run"].treat_missing_data == "breaching" &&
      aws_cloudwatch_metric_alarm.this["no-run"].comparison_operator == "LessThanThreshold" &&
      aws_cloudwatch_metric_alarm.this["no-run"].evaluation_periods == 2
    )
    error_message = "silence is a failure, after two days"
  }
  assert {
    condition     = length(aws_sns_topic.this) == 0
    error_message = "no topic without addresses"
  }
}

run "tells_by_mail_and_own_topics" {
  variables {
    emails     = ["security@example.com"]
    topic_arns = ["arn:aws:sns:eu-west-1:111122223333:pager"]
  }
  assert {
    condition = alltrue([for alarm in aws_cloudwatch_metric_alarm.this :
      alarm.alarm_actions == toset(["arn:aws:sns:eu-west-1:111122223333:pager", aws_sns_topic.this[0].arn])
    ])
    error_message = "every alarm reaches both"
  }
  assert {
    condition     = aws_sns_topic_subscription.this["security@example.com"].protocol == "email"
    error_message = "addresses are subscribed"
  }
  assert {
    condition     = aws_sns_topic.this[0].kms_master_key_id == var.kms_key_arn
    error_message = "the topic is encrypted"
  }
}

run "is_quiet_when_paused" {
  variables {
    paused = true
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.actions_enabled == false])
    error_message = "no alarm tells anyone"
  }
}

run "has_no_alarm_for_silence_that_cloudwatch_cannot_see" {
  variables {
    run_within_days = null
  }
  assert {
    condition     = !contains(keys(aws_cloudwatch_metric_alarm.this), "no-run") && length(aws_cloudwatch_metric_alarm.this) == 5
    error_message = "the five others"
  }
}

run "looks_at_its_own_stack" {
  variables {
    name      = "keyrota-test"
    namespace = "keyrota-test"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["keys-over-max-age"].namespace == "keyrota-test"
    error_message = "two stacks of one account are not taken for one another"
  }
}

run "refuses_what_cloudwatch_cannot_see" {
  command = plan
  variables {
    run_within_days = 8
  }
  expect_failures = [var.run_within_days]
}

run "sees_a_state_machine_that_fails" {
  variables {
    state_machine_arn = "arn:aws:states:eu-west-1:111122223333:stateMachine:keyrota"
  }
  assert {
    condition = {
      for name in ["fleet-failed", "fleet-timed-out", "fleet-throttled"] : name => [
        aws_cloudwatch_metric_alarm.this[name].namespace, aws_cloudwatch_metric_alarm.this[name].metric_name,
        aws_cloudwatch_metric_alarm.this[name].dimensions.StateMachineArn
      ]
      } == {
      fleet-failed    = ["AWS/States", "ExecutionsFailed", var.state_machine_arn]
      fleet-timed-out = ["AWS/States", "ExecutionsTimedOut", var.state_machine_arn]
      fleet-throttled = ["AWS/States", "ExecutionThrottled", var.state_machine_arn]
    }
    error_message = "what fails, takes too long or does not begin"
  }
}
