mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "444455556666" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::444455556666:policy/rotation-boundary" }
  }
}

variables {
  region              = "eu-west-1"
  boundary            = { users = ["/ci/"] }
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

run "bounds_its_roles_by_what_a_person_set" {
  assert {
    condition     = toset([for role in aws_iam_role.this : role.permissions_boundary]) == toset(["arn:aws:iam::444455556666:policy/rotation-boundary"])
    error_message = "both roles"
  }
  assert {
    condition = [for one in jsondecode(module.boundary[0].policy).Statement : one.Resource if contains(one.Action, "iam:CreateAccessKey")] == [
      ["arn:aws:iam::444455556666:user/ci/*"]
    ]
    error_message = "these users only"
  }
  assert {
    condition     = length([for one in jsondecode(module.boundary[0].policy).Statement : one if contains(one.Action, "sts:AssumeRole")]) == 0
    error_message = "and no further role"
  }
}

run "takes_a_boundary_of_ones_own" {
  variables {
    boundary                 = null
    permissions_boundary_arn = "arn:aws:iam::444455556666:policy/ours"
  }
  assert {
    condition     = toset([for role in aws_iam_role.this : role.permissions_boundary]) == toset(["arn:aws:iam::444455556666:policy/ours"]) && length(module.boundary) == 0
    error_message = "instead of another"
  }
}

run "refuses_to_be_without_a_boundary" {
  command = plan
  variables {
    boundary = null
  }
  expect_failures = [var.boundary]
}

run "has_a_reader_policy_for_each_template" {
  assert {
    condition     = toset(keys(output.reader_policy_arns)) == toset(["/aws/iam/credentials/{user}"])
    error_message = "by its template"
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
