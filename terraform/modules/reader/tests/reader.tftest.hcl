mock_provider "aws" {}

variables {
  name       = "keyrota"
  account_id = "111122223333"
  partition  = "aws"
  template   = "/aws/iam/credentials/admin-{user}"
}

run "lets_a_user_read_its_own_secret_only" {
  assert {
    condition = alltrue([for one in jsondecode(aws_iam_policy.this.policy).Statement :
      one.Resource == ["arn:aws:secretsmanager:*:111122223333:secret:/aws/iam/credentials/admin-$${aws:username}-??????"] if one.Sid != "DecryptOwnSecret"
    ])
    error_message = "the user's name in the name of the secret; replicas as well"
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
      DecryptOwnSecret = {
        StringLike = {
          "kms:EncryptionContext:SecretARN" = ["arn:aws:secretsmanager:*:111122223333:secret:/aws/iam/credentials/admin-$${aws:username}-??????"]
          "kms:ViaService"                  = "secretsmanager.*.amazonaws.com"
        }
      }
    }
    error_message = "and in the tag that says whose it is; a key decrypts that secret only"
  }
  assert {
    condition     = can(regex("^keyrota-reader-aws-iam-credentials-admin-user-[0-9a-f]{6}$", aws_iam_policy.this.name))
    error_message = "each template has a policy of its own"
  }
}

run "refuses_a_template_that_iam_would_refuse" {
  command = plan
  variables {
    template = "${join("", [for _ in range(130) : "0123456789012345"])}/{user}"
  }
  expect_failures = [aws_iam_policy.this]
}

run "refuses_a_secret_that_all_would_share" {
  command = plan
  variables {
    template = "/aws/iam/credentials/shared"
  }
  expect_failures = [var.template]
}
