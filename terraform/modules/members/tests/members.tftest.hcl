mock_provider "aws" {}

variables {
  region             = "eu-west-1"
  execution_role_arn = "arn:aws:iam::999988887777:role/keyrota"
  units              = ["ou-ab12-11111111"]
  boundary           = { users = ["/ci/"] }
  organization = {
    role        = "ops/keyrota"
    external_id = "keyrota-4f1c"
    access = {
      role            = "arn:{partition}:iam::{account}:role/ops/keyrota"
      grants          = [{ users = ["arn:{partition}:iam::{account}:user/ci/*"], tags = { team = ["payments"] } }]
      never           = ["arn:{partition}:iam::{account}:user/ci/svc-breakglass"]
      secrets         = ["arn:{partition}:secretsmanager:{region}:{account}:secret:/aws/iam/credentials/*-??????"]
      templates       = ["/aws/iam/credentials/{user}"]
      replicated      = []
      replica_regions = []
      kms_keys        = []
      kms_aliases     = ["alias/secrets"]
    }
  }
}

run "lays_a_role_for_the_users_of_its_own_account" {
  assert {
    condition = (
      aws_cloudformation_stack_set.this.permission_model == "SERVICE_MANAGED" && aws_cloudformation_stack_set.this.auto_deployment[0].enabled &&
      toset(one(aws_cloudformation_stack_set_instance.this.deployment_targets).organizational_unit_ids) == toset(["ou-ab12-11111111"])
    )
    error_message = "in every account of the unit, also in those that come"
  }
  assert {
    condition = (
      jsondecode(output.template).Resources.Role.Properties.RoleName == "keyrota" &&
      jsondecode(output.template).Resources.Role.Properties.Path == "/ops/" &&
      jsondecode(output.template).Resources.Role.Properties.PermissionsBoundary == { Ref = "Boundary" }
    )
    error_message = "under the name of the manifests, within the boundary"
  }
  assert {
    condition = jsondecode(output.template).Resources.Role.Properties.AssumeRolePolicyDocument.Statement == [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = "arn:aws:iam::999988887777:role/keyrota" }
      Condition = { StringEquals = { "sts:ExternalId" = "keyrota-4f1c" } }
    }]
    error_message = "nobody else assumes it, and nobody without the external id"
  }
  assert {
    condition = toset(flatten([
      for one in jsondecode(output.template).Resources.Role.Properties.Policies[0].PolicyDocument.Statement :
      one.Resource if one.Effect == "Allow" && contains(one.Action, "iam:CreateAccessKey")
    ])) == toset([{ "Fn::Sub" = "arn:aws:iam::$${AWS::AccountId}:user/ci/*" }])
    error_message = "users of its own account alone, and no more of them than the manifests name"
  }
  assert {
    condition     = length(regexall("\"arn:aws:(iam|secretsmanager)[^\"]*:[0-9]{12}:(user|secret)", output.template)) == 0 && length(regexall("\\{account\\}|\\{region\\}|\\{partition\\}", output.template)) == 0
    error_message = "no account is named, and every gap is filled in"
  }
  assert {
    condition = [
      for one in jsondecode(output.template).Resources.Boundary.Properties.PolicyDocument.Statement : one.Resource if one.Sid == "RotateKeys"
    ] == [[{ "Fn::Sub" = "arn:aws:iam::$${AWS::AccountId}:user/ci/*" }]]
    error_message = "and never beyond what a person has set"
  }
}

run "refuses_a_role_that_anybody_could_have_entered" {
  command = plan
  variables {
    organization = {
      role = "keyrota"
      access = {
        grants = [], never = [], secrets = [], templates = [], replicated = [], replica_regions = [], kms_keys = [], kms_aliases = []
      }
    }
  }
  expect_failures = [var.organization]
}

run "refuses_a_unit_by_its_name" {
  command = plan
  variables {
    units = ["Workloads"]
  }
  expect_failures = [var.units]
}

run "is_laid_by_a_delegated_administrator" {
  variables {
    call_as = "DELEGATED_ADMIN"
  }
  assert {
    condition     = aws_cloudformation_stack_set.this.call_as == "DELEGATED_ADMIN" && aws_cloudformation_stack_set_instance.this.call_as == "DELEGATED_ADMIN"
    error_message = "CloudFormation would look for a StackSet of the account itself"
  }
}
