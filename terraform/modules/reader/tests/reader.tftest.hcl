mock_provider "aws" {}

variables {
  name       = "keyrota"
  account_id = "111122223333"
  partition  = "aws"
  region     = "eu-west-1"
  templates  = ["/aws/iam/credentials/{user}"]
}

run "lets_a_user_read_its_own_secret_only" {
  assert {
    condition = jsondecode(aws_iam_policy.this.policy).Statement == [{
      Sid      = "ReadOwnSecret"
      Effect   = "Allow"
      Action   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
      Resource = ["arn:aws:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/$${aws:username}-??????"]
    }]
    error_message = "one statement, and the user's name in its resource"
  }
}

run "refuses_a_secret_that_all_would_share" {
  command = plan
  variables {
    templates = ["/aws/iam/credentials/shared"]
  }
  expect_failures = [var.templates]
}
