mock_provider "aws" {}

variables {
  account_id  = "111122223333"
  partition   = "aws"
  bucket      = "keyrota-evidence-111122223333"
  kms_key_arn = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
}

run "is_added_to_and_never_changed" {
  assert {
    condition     = module.log.policy != module.bucket.policy && module.log.bucket == "keyrota-evidence-111122223333-log"
    error_message = "two buckets, and who reads the first is logged in the second"
  }
  assert {
    condition     = length(aws_s3_bucket_object_lock_configuration.this) == 0 && length(module.bucket.rules) == 1
    error_message = "no lock that was not asked for, and nothing goes by itself"
  }
  assert {
    condition = { for one in jsondecode(module.bucket.policy).Statement : one.Sid => one.Effect } == {
      NeverWriteOver = "Deny", NeverDelete = "Deny", NeverUnencrypted = "Deny"
    }
    error_message = "its policy allows nobody anything"
  }
  assert {
    condition = [for one in jsondecode(module.bucket.policy).Statement : [one.Action, one.Condition] if one.Sid == "NeverWriteOver"] == [
      [["s3:PutObject"], { Null = { "s3:if-none-match" = "true" } }]
    ]
    error_message = "only what is not there yet is written"
  }
  assert {
    condition     = aws_s3_bucket_logging.this.target_prefix == "access/" && aws_s3_bucket_logging.this.target_bucket == module.log.id
    error_message = "who reads it is logged"
  }
  assert {
    condition     = output.arn == "arn:aws:s3:::keyrota-evidence-111122223333"
    error_message = "policies name it before it is made"
  }
}

run "is_locked_where_that_is_asked_for" {
  variables {
    lock      = { mode = "COMPLIANCE", days = 400 }
    keep_days = 800
  }
  assert {
    condition     = aws_s3_bucket_object_lock_configuration.this[0].rule[0].default_retention[0].days == 400
    error_message = "what is written stays"
  }
  assert {
    condition     = length(module.bucket.rules) == 2
    error_message = "and goes in the end"
  }
}

run "refuses_a_lock_that_is_none" {
  command = plan
  variables {
    lock = { mode = "SOFT", days = 10 }
  }
  expect_failures = [var.lock]
}
