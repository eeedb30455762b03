mock_provider "aws" {}

variables {
  name       = "keyrota"
  account_id = "111122223333"
  partition  = "aws"
  users      = ["/ci/", "arn:aws:iam::111122223333:user/svc-*"]
}

run "names_the_users_that_a_person_set" {
  variables {
    roles   = ["arn:aws:iam::444455556666:role/keyrota"]
    secrets = ["/aws/iam/credentials/*"]
  }
  assert {
    condition = [for one in jsondecode(output.policy).Statement : one.Resource if contains(one.Action, "iam:CreateAccessKey")] == [
      ["arn:aws:iam::111122223333:user/ci/*", "arn:aws:iam::111122223333:user/svc-*"]
    ]
    error_message = "keys of these users only"
  }
  assert {
    condition = [for one in jsondecode(output.policy).Statement : one.Resource if contains(one.Action, "sts:AssumeRole")] == [
      ["arn:aws:iam::444455556666:role/keyrota"]
    ]
    error_message = "these roles only"
  }
  assert {
    condition = [for one in jsondecode(output.policy).Statement : one.Resource if contains(one.Action, "secretsmanager:PutSecretValue")] == [
      ["arn:aws:secretsmanager:*:111122223333:secret:/aws/iam/credentials/*-??????"]
    ]
    error_message = "these secrets only"
  }
}

run "reaches_everything_only_by_reading_mail_and_kms_through_services" {
  assert {
    condition     = [for one in jsondecode(output.policy).Statement : one.Sid if contains(one.Resource, "*")] == ["Read", "UseKmsKeys", "SendMail"]
    error_message = "what is allowed on all resources is harmless"
  }
  assert {
    condition = alltrue([for one in jsondecode(output.policy).Statement :
      alltrue([for action in one.Action : can(regex(":(Get|List|Describe|GenerateCredentialReport$)", action))]) if one.Sid == "Read"
    ])
    error_message = "reads only"
  }
  assert {
    condition = [for one in jsondecode(output.policy).Statement : one.Resource if contains(one.Action, "secretsmanager:GetSecretValue")] == [
      ["arn:aws:secretsmanager:*:111122223333:secret:keyrota/*-??????"]
    ]
    error_message = "of keyrota's own configuration only"
  }
  assert {
    condition     = !can(regex("\"[a-z]+:[A-Za-z]*\\*", replace(output.policy, "arn:", "")))
    error_message = "exact actions"
  }
}

run "names_the_channels_that_a_person_set" {
  variables {
    topics      = ["arn:aws:sns:us-east-1:444455556666:security"]
    event_buses = ["security"]
    webhooks    = []
  }
  assert {
    condition = [for one in jsondecode(output.policy).Statement : one.Resource if contains(["PutEvents", "PublishMessages", "ReadWebhooks"], one.Sid)] == [
      ["arn:aws:events:*:111122223333:event-bus/security"], ["arn:aws:sns:us-east-1:444455556666:security"]
    ]
    error_message = "these, and no secret"
  }
}

run "refuses_all_secrets" {
  command = plan
  variables {
    webhooks = ["*"]
  }
  expect_failures = [var.webhooks]
}

run "refuses_all_users" {
  command = plan
  variables {
    users = ["/", "*", "arn:aws:iam::111122223333:user/*"]
    roles = ["arn:aws:iam::*:role/keyrota"]
  }
  expect_failures = [var.users, var.roles]
}
