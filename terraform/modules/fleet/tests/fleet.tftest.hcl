mock_provider "aws" {}

variables {
  name         = "keyrota"
  account_id   = "111122223333"
  region       = "eu-west-1"
  bucket       = "keyrota-fleet-111122223333"
  function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:keyrota"
  kms_key_arn  = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
}

run "may_start_its_function_and_nothing_else" {
  assert {
    condition = { for one in jsondecode(aws_iam_role_policy.this.policy).Statement : one.Sid => one.Resource } == {
      CallFunction  = ["arn:aws:lambda:eu-west-1:111122223333:function:keyrota"]
      ReadLists     = ["arn:aws:s3:::keyrota-fleet-111122223333/runs/*/lists/*"]
      WriteResults  = ["arn:aws:s3:::keyrota-fleet-111122223333/runs/*/map/*"]
      StartChildren = ["arn:aws:states:eu-west-1:111122223333:stateMachine:keyrota"]
      FollowChildren = [
        "arn:aws:states:eu-west-1:111122223333:execution:keyrota:*", "arn:aws:states:eu-west-1:111122223333:execution:keyrota/Accounts:*"
      ]
      UseKeyOfTheStack = ["arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"]
    }
    error_message = "one function, one state machine, and in the bucket what a map reads and writes"
  }
  assert {
    condition = [for one in jsondecode(aws_iam_role_policy.this.policy).Statement : one.Action if one.Sid == "CallFunction"] == [
      ["lambda:InvokeFunction"]
    ]
    error_message = "it calls the function, and changes nothing about it"
  }
  assert {
    condition = [for one in jsondecode(aws_iam_role.this.assume_role_policy).Statement : [one.Principal, one.Condition]] == [[
      { Service = "states.amazonaws.com" },
      {
        StringEquals = { "aws:SourceAccount" = "111122223333" }
        ArnLike      = { "aws:SourceArn" = "arn:aws:states:eu-west-1:111122223333:stateMachine:keyrota" }
      }
    ]]
    error_message = "no other state machine takes the role"
  }
}

run "gives_each_account_an_invocation" {
  assert {
    condition = (
      jsondecode(aws_sfn_state_machine.this.definition).States.Accounts.ItemProcessor.ProcessorConfig.Mode == "DISTRIBUTED" &&
      jsondecode(aws_sfn_state_machine.this.definition).States.Accounts.MaxConcurrency == 10 &&
      jsondecode(aws_sfn_state_machine.this.definition).States.Accounts.ToleratedFailurePercentage == 100 &&
      jsondecode(aws_sfn_state_machine.this.definition).States.Accounts.Catch[0].Next == "Merge"
    )
    error_message = "so many at the same time, whatever becomes of the others; the merge comes in any case"
  }
  assert {
    condition = alltrue([
      for state in [
        jsondecode(aws_sfn_state_machine.this.definition).States.List, jsondecode(aws_sfn_state_machine.this.definition).States.Merge,
        jsondecode(aws_sfn_state_machine.this.definition).States.Accounts.ItemProcessor.States.Account,
      ] : length(state.Retry) == 1 && state.Retry[0].ErrorEquals == ["Lambda.TooManyRequestsException", "Throttled"] &&
      state.Retry[0].JitterStrategy == "FULL" && state.Parameters.FunctionName == var.function_arn
    ])
    error_message = "each step calls the function, and is tried again, with jitter, where it was throttled and for nothing else"
  }
}

run "keeps_the_parts_to_itself_and_not_for_ever" {
  assert {
    condition     = one(module.bucket.rules).expiration[0].days == 30
    error_message = "as the module `bucket` makes one, and gone after a month"
  }
}

run "can_stop_early" {
  variables {
    tolerated_failure_percentage = 20
    max_concurrency              = 40
  }
  assert {
    condition = (
      jsondecode(aws_sfn_state_machine.this.definition).States.Accounts.ToleratedFailurePercentage == 20 &&
      jsondecode(aws_sfn_state_machine.this.definition).States.Accounts.MaxConcurrency == 40
    )
    error_message = "as asked for"
  }
}

run "refuses_no_bound" {
  command = plan
  variables {
    max_concurrency = 0
  }
  expect_failures = [var.max_concurrency]
}
