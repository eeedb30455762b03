# What a new account changes in the stack: see environments/test/tests/changes.tftest.hcl, whose accounts can't be variable.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/keyrota" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::111122223333:policy/keyrota" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:eu-west-1:111122223333:keyrota" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-west-1:111122223333:function:keyrota" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/keyrota" }
  }
  mock_resource "aws_scheduler_schedule_group" {
    defaults = { arn = "arn:aws:scheduler:eu-west-1:111122223333:schedule-group/keyrota" }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com" }
  }
}

variables {
  region  = "eu-west-1"
  package = "main.tf" # any file will do
  boundary = {
    users = ["arn:aws:iam::111122223333:user/ci-*"]
    roles = ["arn:aws:iam::444455556666:role/keyrota", "arn:aws:iam::777788889999:role/keyrota"]
  }
  accounts = {
    caller = {
      grants          = [{ users = ["arn:{partition}:iam::{account}:user/ci-*"], tags = {} }]
      never           = []
      secrets         = ["arn:{partition}:secretsmanager:{region}:{account}:secret:/aws/iam/credentials/ci-*-??????"]
      templates       = ["/aws/iam/credentials/{user}"]
      replicated      = []
      replica_regions = []
      kms_keys        = []
      kms_aliases     = []
    }
  }
}

run "before" {
  variables {
    github = { repository = "acme/access-keys" }
  }
  assert {
    condition     = output.plan_role_arn != null
    error_message = "with roles for GitHub"
  }
}

# A person has allowed its role in `boundary.roles`, and has made it with the module `account`.
run "a_new_account" {
  command = plan
  variables {
    github = { repository = "acme/access-keys" }
    accounts = merge(var.accounts, {
      payments = {
        id              = "444455556666"
        role            = "arn:{partition}:iam::444455556666:role/keyrota"
        region          = "eu-west-1"
        grants          = [{ users = ["arn:{partition}:iam::444455556666:user/ci-*"], tags = {} }]
        never           = []
        secrets         = ["arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/ci-*-??????"]
        templates       = ["/aws/iam/credentials/{user}"]
        replicated      = []
        replica_regions = []
        kms_keys        = []
        kms_aliases     = []
      }
    })
  }
}
