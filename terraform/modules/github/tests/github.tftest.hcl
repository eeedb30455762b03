mock_provider "aws" {
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" }
  }
}

variables {
  name               = "keyrota"
  account_id         = "111122223333"
  partition          = "aws"
  region             = "eu-west-1"
  repository         = "acme/access-keys"
  execution_role_arn = "arn:aws:iam::111122223333:role/keyrota"
  schedule_role_arn  = "arn:aws:iam::111122223333:role/keyrota-schedule"
  boundary_arn       = "arn:aws:iam::111122223333:policy/keyrota-boundary"
  kms_key_arn        = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"
  plan_policies      = { rotation = "{}" }
}

run "trusts_one_repository" {
  assert {
    condition = jsondecode(aws_iam_role.plan.assume_role_policy).Statement[0].Condition == {
      StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub" = ["repo:acme/access-keys:pull_request"]
      }
    }
    error_message = "pull requests plan"
  }
  assert {
    condition = jsondecode(aws_iam_role.deploy.assume_role_policy).Statement[0].Condition.StringEquals[
      "token.actions.githubusercontent.com:sub"
    ] == ["repo:acme/access-keys:environment:production"]
    error_message = "the protected environment deploys"
  }
  assert {
    condition     = length([for one in jsondecode(aws_iam_role_policy.deploy.policy).Statement : one if length(one.Resource) == 0]) == 0
    error_message = "no statement without resources"
  }
}

run "knows_both_forms_of_the_subject" {
  variables {
    repository_ids    = { owner = 1234567, repository = 890123456 }
    oidc_provider_arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
  }
  assert {
    condition = jsondecode(aws_iam_role.plan.assume_role_policy).Statement[0].Condition.StringEquals[
      "token.actions.githubusercontent.com:sub"
    ] == ["repo:acme/access-keys:pull_request", "repo:acme@1234567/access-keys@890123456:pull_request"]
    error_message = "with and without ids"
  }
  assert {
    condition     = length(aws_iam_openid_connect_provider.this) == 0
    error_message = "an account has one provider only"
  }
}

run "writes_policies_within_the_boundary_only" {
  assert {
    condition = [for one in jsondecode(aws_iam_role_policy.deploy.policy).Statement : one if one.Sid == "WritePolicies"] == [{
      Sid       = "WritePolicies"
      Effect    = "Allow"
      Action    = ["iam:DeleteRolePolicy", "iam:PutRolePolicy"]
      Resource  = ["arn:aws:iam::111122223333:role/keyrota"]
      Condition = { StringEquals = { "iam:PermissionsBoundary" = "arn:aws:iam::111122223333:policy/keyrota-boundary" } }
    }]
    error_message = "the deploy role can't raise itself"
  }
  assert {
    condition = { for one in jsondecode(aws_iam_role_policy.deploy.policy).Statement : one.Sid => one.Resource
      if one.Effect == "Allow" && length([for action in one.Action : action if !can(regex(":(Get|List|Describe|PassRole|CreateGrant|Decrypt|Encrypt|Generate)", action))]) > 0
      } == {
      WritePolicies      = ["arn:aws:iam::111122223333:role/keyrota"]
      MakeReaderPolicies = ["arn:aws:iam::111122223333:policy/keyrota-reader-*"]
      ShipFunction       = ["arn:aws:lambda:eu-west-1:111122223333:function:keyrota"]
      ShipSchedules      = ["arn:aws:scheduler:eu-west-1:111122223333:schedule/keyrota/*"]
      ShipAlarms         = ["arn:aws:cloudwatch:eu-west-1:111122223333:alarm:keyrota-no-run"]
      MakeSenders        = ["arn:aws:ses:*:111122223333:identity/*"]
      RemoveSenders      = ["arn:aws:ses:*:111122223333:identity/*"]
    }
    error_message = "it writes what a change of manifests changes"
  }
  assert {
    condition = [for one in jsondecode(aws_iam_role_policy.deploy.policy).Statement : one.Condition if endswith(one.Sid, "eSenders")] == [
      { StringEquals = { "aws:RequestTag/stack" = "keyrota" } }, { StringEquals = { "aws:ResourceTag/stack" = "keyrota" } }
    ]
    error_message = "its own senders only"
  }
  assert {
    condition = length([
      for action in flatten([for one in jsondecode(aws_iam_role_policy.deploy.policy).Statement : one.Action if one.Effect == "Allow"]) : action
      if startswith(action, "secretsmanager:") || endswith(action, "AccessKey") || endswith(action, "*")
    ]) == 0
    error_message = "the deploy role has nothing to do with keys and secrets"
  }
}

run "refuses_wildcards" {
  command = plan
  variables {
    plan_subjects   = ["ref:refs/heads/*"]
    deploy_subjects = ["*"]
  }
  expect_failures = [var.plan_subjects, var.deploy_subjects]
}

run "refuses_to_deploy_from_pull_requests" {
  command = plan
  variables {
    deploy_subjects = ["pull_request"]
  }
  expect_failures = [aws_iam_role_policy.deploy]
}
