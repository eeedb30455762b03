mock_provider "aws" {}

variables {
  name       = "keyrota"
  account_id = "111122223333"
  partition  = "aws"
  region     = "eu-west-1"
}

run "encrypts_logs_and_alarms_of_this_stack" {
  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_alias.this.name == "alias/keyrota"
    error_message = "the key rotates, and has a name"
  }
  assert {
    condition = [for one in jsondecode(aws_kms_key.this.policy).Statement : one.Condition if one.Sid == "LogsOfTheFunction"] == [
      { ArnEquals = { "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/keyrota" } }
    ]
    error_message = "for the function's log only"
  }
  assert {
    condition = [for one in jsondecode(aws_kms_key.this.policy).Statement : one.Condition if one.Sid == "AlarmsToTheTopic"] == [
      { StringEquals = { "aws:SourceAccount" = "111122223333" } }
    ]
    error_message = "for the account's own alarms only"
  }
  assert {
    condition = [for one in jsondecode(aws_kms_key.this.policy).Statement : [one.Action, one.Condition] if one.Effect == "Deny"] == [
      [["kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncryptTo"], { StringLike = { "kms:ViaService" = "secretsmanager.*.amazonaws.com" } }]
    ]
    error_message = "and never for secrets, which must outlive the stack"
  }
}

run "knows_the_domains_of_other_partitions" {
  variables {
    partition  = "aws-cn"
    dns_suffix = "amazonaws.com.cn"
    region     = "cn-north-1"
  }
  assert {
    condition = [for one in jsondecode(aws_kms_key.this.policy).Statement : one.Principal.Service if can(one.Principal.Service)] == [
      "logs.cn-north-1.amazonaws.com.cn", "cloudwatch.amazonaws.com"
    ]
    error_message = "as AWS documents them for China"
  }
}
