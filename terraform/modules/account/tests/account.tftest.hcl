mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "444455556666" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
}

variables {
  region              = "eu-west-1"
  execution_role_arns = ["arn:aws:iam::111122223333:role/keyrota"]
  plan_role_arns      = ["arn:aws:iam::111122223333:role/keyrota-plan"]
  access = {
    id              = "444455556666"
    role            = "arn:{partition}:iam::444455556666:role/security/rotation"
    grants          = [{ users = ["arn:{partition}:iam::444455556666:user/ci-*"], tags = {} }]
    never           = []
    secrets         = ["arn:{partition}:secretsmanager:{region}:444455556666:secret:/aws/iam/credentials/ci-*-??????"]
    templates       = ["/aws/iam/credentials/{user}"]
    replicated      = []
    replica_regions = []
    kms_keys        = []
    kms_aliases     = []
  }
}

run "makes_the_role_that_the_manifests_name" {
  assert {
    condition     = aws_iam_role.this["execution"].name == "rotation" && aws_iam_role.this["execution"].path == "/security/"
    error_message = "name and path"
  }
  assert {
    condition = {
      for name, role in aws_iam_role.this : name => jsondecode(role.assume_role_policy).Statement[0].Principal.AWS
    } == { execution = ["arn:aws:iam::111122223333:role/keyrota"], plan = ["arn:aws:iam::111122223333:role/keyrota-plan"] }
    error_message = "each role trusts its own counterpart"
  }
  assert {
    condition     = !strcontains(aws_iam_role_policy.this["plan"].policy, "CreateAccessKey")
    error_message = "the plan role may not write"
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.this["execution"].policy, "CreateAccessKey")
    error_message = "the execution role may"
  }
}

run "does_without_a_plan_role" {
  variables {
    plan_role_arns = []
  }
  assert {
    condition     = toset(keys(aws_iam_role.this)) == toset(["execution"]) && output.plan_role_arn == null
    error_message = "there is one role"
  }
}
