mock_provider "aws" {}

variables {
  name       = "keyrota"
  account_id = "111122223333"
  partition  = "aws"
  region     = "eu-west-1"
  template   = "/aws/iam/credentials/admin-{user}"
}

run "lets_a_user_read_its_own_secret_only" {
  assert {
    condition = alltrue([for one in jsondecode(aws_iam_policy.this.policy).Statement :
      one.Resource == ["arn:aws:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/admin-$${aws:username}-??????"]
    ])
    error_message = "the user's name in the name of the secret"
  }
  assert {
    condition = { for one in jsondecode(aws_iam_policy.this.policy).Statement : one.Sid => one.Condition } == {
      ReadOwnSecret = {
        StringLike = { "aws:ResourceTag/keyrota:user" = ["arn:aws:iam::111122223333:user/$${aws:username}", "arn:aws:iam::111122223333:user/*/$${aws:username}"] }
      }
      ReadSecretOfThePredecessor = {
        Null                   = { "aws:ResourceTag/keyrota:user" = "true" }
        StringEqualsIgnoreCase = { "aws:ResourceTag/Owner" = "$${aws:username}" }
      }
    }
    error_message = "and in the tag that says whose it is"
  }
  assert {
    condition     = can(regex("^keyrota-reader-aws-iam-credentials-admin-user-[0-9a-f]{6}$", aws_iam_policy.this.name))
    error_message = "each template has a policy of its own"
  }
}

run "decrypts_what_is_its_own" {
  variables {
    kms_key_arns = ["arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"]
  }
  assert {
    condition     = tolist(jsondecode(aws_iam_policy.this.policy).Statement[2].Resource) == var.kms_key_arns
    error_message = "with the keys that the manifests name"
  }
}

run "refuses_a_secret_that_all_would_share" {
  command = plan
  variables {
    template = "/aws/iam/credentials/shared"
  }
  expect_failures = [var.template]
}
