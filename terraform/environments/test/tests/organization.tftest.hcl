# The same environment with the accounts of an organisation, each of which gets an invocation of its own.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "999988887777" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  override_resource {
    target = module.rotation.module.function.aws_iam_role.this
    values = { arn = "arn:aws:iam::999988887777:role/keyrota-test" }
  }
  override_resource {
    target = module.rotation.module.schedule.aws_iam_role.this
    values = { arn = "arn:aws:iam::999988887777:role/keyrota-test-schedule" }
  }
  override_resource {
    target = module.rotation.module.github[0].aws_iam_role.plan
    values = { arn = "arn:aws:iam::999988887777:role/keyrota-test-plan" }
  }
  override_resource {
    target = module.rotation.module.github[0].aws_iam_role.deploy
    values = { arn = "arn:aws:iam::999988887777:role/keyrota-test-deploy" }
  }
  override_resource {
    target = module.rotation.module.boundary[0].aws_iam_policy.this
    values = { arn = "arn:aws:iam::999988887777:policy/keyrota-test-boundary" }
  }
  override_resource {
    target = module.rotation.module.function.aws_lambda_function.this
    values = { arn = "arn:aws:lambda:eu-west-1:999988887777:function:keyrota-test" }
  }
  override_resource {
    target = module.rotation.module.function.aws_sqs_queue.failed
    values = { arn = "arn:aws:sqs:eu-west-1:999988887777:keyrota-test-failed" }
  }
  override_resource {
    target = module.rotation.module.schedule.aws_sqs_queue.undelivered
    values = { arn = "arn:aws:sqs:eu-west-1:999988887777:keyrota-test-undelivered" }
  }
  override_resource {
    target = module.rotation.module.schedule.aws_scheduler_schedule_group.this
    values = { arn = "arn:aws:scheduler:eu-west-1:999988887777:schedule-group/keyrota-test" }
  }
  override_resource {
    target = module.rotation.module.alarms.aws_sns_topic.this[0]
    values = { arn = "arn:aws:sns:eu-west-1:999988887777:keyrota-test-alarms" }
  }
  override_resource {
    target = module.rotation.module.key[0].aws_kms_key.this
    values = { arn = "arn:aws:kms:eu-west-1:999988887777:key/11111111-2222-3333-4444-555555555555", key_id = "11111111-2222-3333-4444-555555555555" }
  }
}

mock_provider "aws" {
  alias = "payments_prod"
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  override_resource {
    target = module.payments_prod.aws_iam_role.this["execution"]
    values = { arn = "arn:aws:iam::111122223333:role/keyrota" }
  }
  override_resource {
    target = module.payments_prod.aws_iam_role.this["plan"]
    values = { arn = "arn:aws:iam::111122223333:role/keyrota-plan" }
  }
  override_resource {
    target = module.payments_prod.aws_iam_role.deploy[0]
    values = { arn = "arn:aws:iam::111122223333:role/keyrota-deploy" }
  }
  override_resource {
    target = module.payments_prod.aws_iam_policy.deploy[0]
    values = { arn = "arn:aws:iam::111122223333:policy/keyrota-deploy" }
  }
  override_resource {
    target = module.payments_prod.module.boundary[0].aws_iam_policy.this
    values = { arn = "arn:aws:iam::111122223333:policy/keyrota-boundary" }
  }
}

mock_provider "aws" {
  alias = "payments_test"
  mock_data "aws_caller_identity" {
    defaults = { account_id = "444455556666" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  override_resource {
    target = module.payments_test.aws_iam_role.this["execution"]
    values = { arn = "arn:aws:iam::444455556666:role/keyrota" }
  }
  override_resource {
    target = module.payments_test.aws_iam_role.this["plan"]
    values = { arn = "arn:aws:iam::444455556666:role/keyrota-plan" }
  }
  override_resource {
    target = module.payments_test.aws_iam_role.deploy[0]
    values = { arn = "arn:aws:iam::444455556666:role/keyrota-deploy" }
  }
  override_resource {
    target = module.payments_test.aws_iam_policy.deploy[0]
    values = { arn = "arn:aws:iam::444455556666:policy/keyrota-deploy" }
  }
  override_resource {
    target = module.payments_test.module.boundary[0].aws_iam_policy.this
    values = { arn = "arn:aws:iam::444455556666:policy/keyrota-boundary" }
  }
}

variables {
  package  = "main.tf" # any file will do
  fleet    = true
  members  = { units = ["ou-ab12-11111111"], users = ["/ci/"], call_as = "DELEGATED_ADMIN" }
  boundary = { organization_role = "keyrota", roles = ["arn:aws:iam::111122223333:role/keyrota", "arn:aws:iam::444455556666:role/keyrota"] }
  organization = {
    role        = "keyrota"
    role_arn    = "arn:{partition}:iam::*:role/keyrota"
    external_id = "keyrota-4f1c"
    actions     = ["organizations:DescribeOrganization", "organizations:ListAccounts"]
    access = {
      role            = "arn:{partition}:iam::{account}:role/keyrota"
      grants          = [{ users = ["arn:{partition}:iam::{account}:user/ci/*"], tags = {} }]
      never           = []
      secrets         = ["arn:{partition}:secretsmanager:{region}:{account}:secret:/aws/iam/credentials/*-??????"]
      templates       = ["/aws/iam/credentials/{user}"]
      replicated      = []
      replica_regions = []
      kms_keys        = []
      kms_aliases     = []
    }
  }
}

run "gives_each_account_of_an_organization_an_invocation" {
  assert {
    condition     = module.rotation.state_machine_arn != null && module.rotation.fleet_bucket == "keyrota-test-fleet-999988887777"
    error_message = "the schedules start a state machine"
  }
  assert {
    condition     = strcontains(module.members[0].template, "\"sts:ExternalId\":\"keyrota-4f1c\"") && strcontains(module.members[0].template, "arn:aws:iam::999988887777:role/keyrota-test")
    error_message = "whose function alone enters the accounts, with the external id"
  }
}

run "refuses_an_organization_without_units" {
  command = plan
  variables {
    members = null
  }
  expect_failures = [var.members]
}
