resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  comparison_operator = each.value.below ? "LessThanThreshold" : "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = each.value.below ? "breaching" : each.value.missing

  # Paused means quiet.
  actions_enabled = !var.paused
  alarm_actions   = local.actions
  ok_actions      = local.actions
}

resource "aws_sns_topic" "this" {
  count = local.creates_topic ? 1 : 0

  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_policy" "this" {
  count = local.creates_topic ? 1 : 0

  arn = aws_sns_topic.this[0].arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OwnAlarms"
      Effect    = "Allow"
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.this[0].arn
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_sns_topic_subscription" "this" {
  for_each = var.emails

  topic_arn = aws_sns_topic.this[0].arn
  protocol  = "email"
  endpoint  = each.value
}

locals {
  creates_topic = length(var.emails) > 0
  actions       = concat(var.topic_arns, aws_sns_topic.this[*].arn)
  hour          = 3600
  day           = 86400

  own = { namespace = var.namespace, dimensions = {}, below = false, statistic = "Sum", period = local.hour, periods = 1, missing = "notBreaching" }

  alarms = merge(
    { for name, alarm in local.known : name => alarm if name != "no-run" || var.run_within_days != null },
    { for name, alarm in local.fleet : name => alarm if var.state_machine_arn != null },
  )

  of_fleet = merge(local.own, { namespace = "AWS/States", dimensions = { StateMachineArn = coalesce(var.state_machine_arn, "-") } })

  # None in time is what `no-run` sees: the merge says that a run was completed.
  fleet = {
    fleet-failed = merge(local.of_fleet, {
      metric      = "ExecutionsFailed"
      description = "A run over all accounts failed in some of them. Its error names them; start the execution again, and it does those alone."
    })
    fleet-timed-out = merge(local.of_fleet, {
      metric      = "ExecutionsTimedOut"
      description = "A run over all accounts took too long, and told of nothing. Start another with its name as `run`: it does what is left."
    })
    fleet-throttled = merge(local.of_fleet, {
      metric      = "ExecutionThrottled"
      description = "Step Functions delayed a run over all accounts. If it stays so, ask for a higher quota."
    })
  }

  known = {
    failures = merge(local.own, {
      metric      = "Failures"
      description = "Changes failed. The log and the report of the run say which and why; the next run tries again."
    })
    keys-over-max-age = merge(local.own, {
      metric    = "KeysOverMaxAge"
      statistic = "Maximum"
      period    = local.day
      # Runs that read only who is under way don't say: until one reads everyone again, it is as it was.
      missing     = "ignore"
      description = "Access keys are older than their max-age, and nothing explains it: their users are not exempt, and nobody was told that they are blocked. `keyrota status` shows them and why they wait."
    })
    no-run = merge(local.own, {
      metric      = "RunsCompleted"
      below       = true
      period      = local.day
      periods     = var.run_within_days
      description = "No run was completed for ${coalesce(var.run_within_days, 0)} days. Look at the schedules and at the two queues."
    })
    errors = merge(local.own, {
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      dimensions  = { FunctionName = var.function_name }
      description = "The function failed. Its log says why."
    })
    failed = merge(local.own, {
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = var.failed_queue_name }
      statistic   = "Maximum"
      description = "Runs were given up after all retries. The messages hold the reason; delete them once it is dealt with."
    })
    undelivered = merge(local.own, {
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = var.undelivered_queue_name }
      statistic   = "Maximum"
      description = "Scheduler could not call the function. The messages hold the reason; delete them once it is dealt with."
    })
  }
}
