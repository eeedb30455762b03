# What is refused when planning, with what to do.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "999988887777" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
}

mock_provider "aws" {
  alias = "payments_prod"
  mock_data "aws_caller_identity" {
    defaults = { account_id = "999988887777" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
}

mock_provider "aws" {
  alias = "payments_test"
  mock_data "aws_caller_identity" {
    defaults = { account_id = "999988887777" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
}

variables {
  package = "main.tf" # any file will do
}

# Nothing would make the roles of an account that has no module.
run "an_account_without_a_module" {
  command = plan
  variables {
    boundary = {
      roles = [for id in ["111122223333", "444455556666", "777788889999"] : "arn:aws:iam::${id}:role/keyrota"]
    }
    accounts = { "payments-prod" = { "grants" = [{ "tags" = {}, "users" = ["arn:{partition}:iam::111122223333:user/*/platform-*", "arn:{partition}:iam::111122223333:user/*/svc-reports", "arn:{partition}:iam::111122223333:user/platform-*", "arn:{partition}:iam::111122223333:user/svc-reports"] }, { "tags" = { "team" = ["payments"] }, "users" = ["arn:{partition}:iam::111122223333:user/*/ci-*", "arn:{partition}:iam::111122223333:user/*/svc-*", "arn:{partition}:iam::111122223333:user/ci-*", "arn:{partition}:iam::111122223333:user/svc-*"] }], "id" = "111122223333", "kms_aliases" = [], "kms_keys" = [], "never" = ["arn:{partition}:iam::111122223333:user/*/svc-breakglass", "arn:{partition}:iam::111122223333:user/svc-breakglass"], "region" = "eu-west-1", "replica_regions" = ["eu-central-1"], "replicated" = ["arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/platform-*-??????"], "role" = "arn:{partition}:iam::111122223333:role/keyrota", "secrets" = ["arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/ci-*-??????", "arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/platform-*-??????", "arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/svc-*-??????"], "templates" = ["/aws/iam/credentials/{user}"] }, "payments-test" = { "grants" = [{ "tags" = {}, "users" = ["arn:{partition}:iam::444455556666:user/*/platform-*", "arn:{partition}:iam::444455556666:user/platform-*", "arn:{partition}:iam::444455556666:user/robots/*"] }, { "tags" = { "team" = ["payments"] }, "users" = ["arn:{partition}:iam::444455556666:user/*/ci-*", "arn:{partition}:iam::444455556666:user/*/svc-*", "arn:{partition}:iam::444455556666:user/ci-*", "arn:{partition}:iam::444455556666:user/svc-*"] }], "id" = "444455556666", "kms_aliases" = [], "kms_keys" = [], "never" = [], "region" = "eu-west-1", "replica_regions" = ["eu-central-1"], "replicated" = ["arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/platform-*-??????"], "role" = "arn:{partition}:iam::444455556666:role/keyrota", "secrets" = ["arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/ci-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/platform-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/svc-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:robots/*-??????"], "templates" = ["/aws/iam/credentials/{user}", "robots/{user}"] }, "payments-dev" = { "grants" = [{ "tags" = {}, "users" = ["arn:{partition}:iam::444455556666:user/*/platform-*", "arn:{partition}:iam::444455556666:user/platform-*", "arn:{partition}:iam::444455556666:user/robots/*"] }, { "tags" = { "team" = ["payments"] }, "users" = ["arn:{partition}:iam::444455556666:user/*/ci-*", "arn:{partition}:iam::444455556666:user/*/svc-*", "arn:{partition}:iam::444455556666:user/ci-*", "arn:{partition}:iam::444455556666:user/svc-*"] }], "id" = "777788889999", "kms_aliases" = [], "kms_keys" = [], "never" = [], "region" = "eu-west-1", "replica_regions" = ["eu-central-1"], "replicated" = ["arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/platform-*-??????"], "role" = "arn:{partition}:iam::777788889999:role/keyrota", "secrets" = ["arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/ci-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/platform-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/svc-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:robots/*-??????"], "templates" = ["/aws/iam/credentials/{user}", "robots/{user}"] } }
  }
  expect_failures = [output.reader_policy_arns]
}
