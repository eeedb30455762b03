mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "444455556666" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::444455556666:policy/rotation" }
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
    condition     = toset([for role in aws_iam_role.this : role.permissions_boundary]) == toset(["arn:aws:iam::444455556666:policy/rotation"])
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

run "has_a_narrow_bounded_deploy_role" {
  variables {
    deploy_role_arns = ["arn:aws:iam::111122223333:role/keyrota-deploy"]
  }
  assert {
    condition = (
      aws_iam_role.deploy[0].name == "rotation-deploy" && aws_iam_role.deploy[0].path == "/security/" &&
      jsondecode(aws_iam_role.deploy[0].assume_role_policy).Statement[0].Principal.AWS == ["arn:aws:iam::111122223333:role/keyrota-deploy"]
    )
    error_message = "the stack's deploy role may be it"
  }
  assert {
    condition = (
      aws_iam_role.deploy[0].permissions_boundary == aws_iam_policy.deploy[0].arn &&
      aws_iam_role_policy_attachment.deploy[0].policy_arn == aws_iam_policy.deploy[0].arn
    )
    error_message = "its policy is the most that it could ever do"
  }
  assert {
    condition = { for one in jsondecode(aws_iam_policy.deploy[0].policy).Statement : one.Sid => one.Resource
      if one.Effect == "Allow" && !can(regex("^(Read|Find|Describe)", one.Sid))
      } == {
      WritePolicies      = ["arn:aws:iam::444455556666:role/security/rotation"]
      MakeReaderPolicies = ["arn:aws:iam::444455556666:policy/rotation-reader-*"]
    }
    error_message = "it writes two kinds of things"
  }
  assert {
    condition = [for one in jsondecode(aws_iam_policy.deploy[0].policy).Statement : one.Condition.StringEquals["iam:PermissionsBoundary"] if one.Sid == "WritePolicies"] == [
      "arn:aws:iam::444455556666:policy/rotation-boundary"
    ]
    error_message = "within the boundary of the role that rotates keys"
  }
}

run "has_no_deploy_role_without_a_pipeline" {
  assert {
    condition     = output.deploy_role_arn == null && length(aws_iam_policy.deploy) == 0
    error_message = "nothing that was not asked for"
  }
}

run "refuses_policies_that_iam_would_refuse" {
  command = plan
  variables {
    access = {
      id     = "444455556666"
      role   = "arn:{partition}:iam::444455556666:role/security/rotation"
      grants = [{ users = [for number in range(200) : "arn:{partition}:iam::444455556666:user/robots/number-${number}"], tags = {} }]
      never  = [], secrets = [], templates = [], replicated = [], replica_regions = [], kms_keys = [], kms_aliases = []
    }
  }
  expect_failures = [aws_iam_role.this["execution"]]
}

run "refuses_an_account_without_a_role" {
  command = plan
  variables {
    access = {
      id = "444455556666", grants = [], never = [], secrets = [], templates = [], replicated = [], replica_regions = [], kms_keys = [], kms_aliases = []
    }
  }
  expect_failures = [var.access]
}

run "asks_for_the_external_id_of_the_manifests" {
  variables {
    access = {
      id              = "444455556666"
      role            = "arn:{partition}:iam::444455556666:role/security/rotation"
      external_id     = "keyrota-4f1c"
      grants          = [{ users = ["arn:{partition}:iam::444455556666:user/ci-*"], tags = {} }]
      never           = []
      secrets         = ["arn:{partition}:secretsmanager:{region}:444455556666:secret:/aws/iam/credentials/ci-*-??????"]
      templates       = []
      replicated      = []
      replica_regions = []
      kms_keys        = []
      kms_aliases     = []
    }
  }
  assert {
    condition = toset([for role in aws_iam_role.this : jsonencode(jsondecode(role.assume_role_policy).Statement[0].Condition)]) == toset([
      jsonencode({ StringEquals = { "sts:ExternalId" = "keyrota-4f1c" } })
    ])
    error_message = "whoever assumes one of the roles must know it"
  }
}
