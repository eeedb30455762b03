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
  mock_resource "aws_sfn_state_machine" {
    defaults = { arn = "arn:aws:states:eu-west-1:111122223333:stateMachine:keyrota" }
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

run "needs_no_more_than_region_package_boundary_and_accounts" {
  assert {
    condition     = output.function_name == "keyrota" && output.execution_role_arn == "arn:aws:iam::111122223333:role/keyrota"
    error_message = "the function has the stack's name"
  }
  assert {
    condition     = output.plan_role_arn == null && output.dkim_records == null && output.alarm_topic_arn == null
    error_message = "nothing that was not asked for"
  }
  assert {
    condition     = toset(keys(output.reader_policy_arns)) == toset(["/aws/iam/credentials/{user}"])
    error_message = "users of this account can read their secrets"
  }
}

run "has_the_whole_of_it" {
  variables {
    mail            = { address = "security@example.com", domain = "example.com" }
    test_recipients = ["ci@example.com"]
    alarm_emails    = ["security@example.com"]
    github          = { repository = "acme/access-keys" }
    evidence        = { lock = { days = 400 } }
  }
  assert {
    condition     = output.evidence_bucket == "keyrota-evidence-111122223333"
    error_message = "a bucket for what happened"
  }
  assert {
    condition     = output.plan_role_arn != null && output.deploy_role_arn != null && output.dkim_records == {}
    error_message = "roles for GitHub, and an identity"
  }
}

run "sends_mail_from_another_region" {
  variables {
    mail = { address = "security@example.com", domain = "example.com", region = "us-east-1" }
  }
  assert {
    condition     = module.mail[0].arns == ["arn:aws:ses:us-east-1:111122223333:identity/security@example.com"]
    error_message = "the policy names the identity of the region that sends"
  }
}

run "names_the_configuration_set_and_the_other_accounts_identity" {
  variables {
    mail = {
      address           = "security@example.com"
      domain            = "example.com"
      from_arn          = "arn:aws:ses:eu-west-1:444455556666:identity/example.com"
      configuration_set = "keyrota"
    }
  }
  assert {
    condition = module.mail[0].arns == [
      "arn:aws:ses:eu-west-1:444455556666:identity/example.com",
      "arn:aws:ses:eu-west-1:111122223333:configuration-set/keyrota",
    ]
    error_message = "the policy names what mail is sent with"
  }
}

run "has_a_boundary" {
  assert {
    condition = [for one in jsondecode(output.boundary_policy).Statement : one.Resource if contains(one.Action, "iam:CreateAccessKey")] == [
      ["arn:aws:iam::111122223333:user/ci-*"]
    ]
    error_message = "with the users that a person set"
  }
}

run "has_the_same_boundary_whatever_the_manifests_say" {
  variables {
    mail = { address = "other@example.com", domain = "example.com", configuration_set = "keyrota" }
    accounts = {
      caller = {
        grants          = [{ users = ["arn:{partition}:iam::{account}:user/*"], tags = { team = ["payments"] } }]
        never           = ["arn:{partition}:iam::{account}:user/admin"]
        secrets         = ["arn:{partition}:secretsmanager:{region}:{account}:secret:elsewhere/*-??????"]
        templates       = ["elsewhere/{user}", "there/{user}"]
        replicated      = ["arn:{partition}:secretsmanager:{region}:{account}:secret:elsewhere/*-??????"]
        replica_regions = ["eu-central-1"]
        kms_keys        = ["arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"]
        kms_aliases     = ["alias/keys"]
      }
      other = {
        id              = "777788889999"
        role            = "arn:{partition}:iam::777788889999:role/keyrota"
        grants          = []
        never           = []
        secrets         = []
        templates       = []
        replicated      = []
        replica_regions = []
        kms_keys        = []
        kms_aliases     = []
      }
    }
  }
  assert {
    condition     = output.boundary_policy == run.has_a_boundary.boundary_policy
    error_message = "manifests don't change it"
  }
  assert {
    condition     = toset(keys(output.reader_policy_arns)) == toset(["elsewhere/{user}", "there/{user}"])
    error_message = "each template has a reader policy"
  }
}

run "refuses_to_be_without_a_boundary" {
  command = plan
  variables {
    boundary = null
  }
  expect_failures = [var.boundary]
}

run "takes_a_boundary_of_ones_own" {
  variables {
    boundary                 = null
    permissions_boundary_arn = "arn:aws:iam::111122223333:policy/ours"
  }
  assert {
    condition     = output.boundary_policy == null
    error_message = "instead of another"
  }
}

run "serves_other_accounts_only" {
  variables {
    accounts = {
      payments = {
        id              = "444455556666"
        role            = "arn:{partition}:iam::444455556666:role/keyrota"
        grants          = []
        never           = []
        secrets         = []
        templates       = []
        replicated      = []
        replica_regions = []
        kms_keys        = []
        kms_aliases     = []
      }
    }
  }
  assert {
    condition     = output.reader_policy_arns == {}
    error_message = "no user of this account rotates"
  }
}

run "refuses_two_own_accounts" {
  command = plan
  variables {
    accounts = {
      for name in ["one", "two"] : name => {
        grants = [], never = [], secrets = [], templates = [], replicated = [], replica_regions = [], kms_keys = [], kms_aliases = []
      }
    }
  }
  expect_failures = [var.accounts]
}

run "refuses_impossible_values" {
  command = plan
  variables {
    name          = "a name"
    region        = "Ireland"
    mail_identity = "name"
    schedules     = { enforce = "0 8 1 * *", tend = "cron(0 8 * * *)" }
  }
  expect_failures = [var.name, var.region, var.mail_identity, var.schedules]
}

run "refuses_an_account_that_nobody_allowed" {
  command = plan
  variables {
    boundary = { users = ["/ci/"], roles = ["arn:aws:iam::444455556666:role/other"] }
    accounts = {
      payments = {
        role   = "arn:{partition}:iam::444455556666:role/keyrota"
        grants = [], never = [], secrets = [], templates = [], replicated = [], replica_regions = [], kms_keys = [], kms_aliases = []
      }
    }
  }
  expect_failures = [var.accounts]
}

run "refuses_its_own_key_for_secrets" {
  command = plan
  variables {
    name = "rotation"
    accounts = {
      caller = {
        grants      = [{ users = ["arn:{partition}:iam::{account}:user/ci-*"], tags = {} }]
        kms_aliases = ["alias/rotation"]
        never       = [], secrets = [], templates = [], replicated = [], replica_regions = [], kms_keys = []
      }
    }
  }
  expect_failures = [var.accounts]
}

run "waits_for_runs_as_long_as_the_schedule_says" {
  variables {
    schedules = { tend = "cron(0 8 ? * MON-FRI *)", run_within_days = 4 }
  }
  assert {
    condition     = module.alarms.run_within_days == 4
    error_message = "over the weekend"
  }
}

run "has_no_alarm_for_silence_that_cloudwatch_cannot_see" {
  variables {
    schedules = { tend = "rate(10 days)", run_within_days = 11 }
  }
  assert {
    condition     = module.alarms.run_within_days == null
    error_message = "it looks back seven days"
  }
}

run "sends_to_the_channels_that_the_manifests_name_and_to_no_others" {
  variables {
    channels = {
      event_bus = "arn:{partition}:events:{region}:{account}:event-bus/default"
      topics    = ["arn:aws:sns:eu-west-1:111122223333:keyrota"]
      webhooks  = ["keyrota/slack"]
    }
  }
  assert {
    condition = { for statement in local.caller : statement.Sid => statement.Resource } == {
      PutEvents       = ["arn:aws:events:eu-west-1:111122223333:event-bus/default"]
      PublishMessages = ["arn:aws:sns:eu-west-1:111122223333:keyrota"]
      ReadWebhooks    = ["arn:aws:secretsmanager:eu-west-1:111122223333:secret:keyrota/slack-??????"]
    }
    error_message = "exactly what is named"
  }
}

run "refuses_a_secret_that_nobody_allowed" {
  command = plan
  variables {
    channels = { webhooks = ["database/password"] }
  }
  expect_failures = [var.channels]
}

run "gives_each_account_an_invocation_of_its_own" {
  variables {
    fleet        = true
    alarm_emails = ["security@example.com"]
  }
  assert {
    condition     = output.state_machine_arn == "arn:aws:states:eu-west-1:111122223333:stateMachine:keyrota" && output.fleet_bucket == "keyrota-fleet-111122223333"
    error_message = "a state machine, and where the parts of a run meet"
  }
  assert {
    condition     = local.reserved_concurrency == 2 * var.fleet_concurrency + 2
    error_message = "Lambda runs as many as the state machine asks for"
  }
}

run "gives_a_large_fleet_what_it_asks_for" {
  variables {
    fleet                              = true
    fleet_concurrency                  = 40
    fleet_timeout                      = 172800
    fleet_tolerated_failure_percentage = 20
    memory_size                        = 2048
  }
  assert {
    condition = (
      jsondecode(module.fleet[0].definition).TimeoutSeconds == 172800 &&
      jsondecode(module.fleet[0].definition).States.Accounts.MaxConcurrency == 40 &&
      jsondecode(module.fleet[0].definition).States.Accounts.ToleratedFailurePercentage == 20
    )
    error_message = "the state machine has what the layer was given"
  }
  assert {
    condition     = local.reserved_concurrency == 82 && module.function.memory_size == 2048
    error_message = "and so has the function"
  }
}

run "has_no_fleet_that_was_not_asked_for" {
  assert {
    condition     = output.state_machine_arn == null && output.fleet_bucket == null && local.reserved_concurrency == 1
    error_message = "one invocation works off all accounts"
  }
}

run "refuses_a_fleet_that_lambda_would_throttle" {
  command = plan
  variables {
    fleet                = true
    fleet_concurrency    = 40
    reserved_concurrency = 40
  }
  expect_failures = [var.reserved_concurrency]
}

run "enters_the_accounts_of_an_organization_and_asks_no_more_than_the_manifests_need" {
  variables {
    boundary = { users = ["/ci/"], organization_role = "keyrota" }
    organization = {
      role     = "keyrota"
      role_arn = "arn:{partition}:iam::*:role/keyrota"
      actions = [
        "organizations:DescribeOrganization", "organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent",
        "organizations:ListRoots"
      ]
      access = {}
    }
  }
  assert {
    condition = { for statement in local.caller : statement.Sid => [statement.Action, statement.Resource] } == {
      AssumeRoles  = [["sts:AssumeRole"], ["arn:aws:iam::*:role/keyrota"]]
      FindAccounts = [["organizations:DescribeOrganization", "organizations:ListRoots"], ["*"]]
      LookIntoUnits = [
        ["organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent"],
        ["arn:aws:organizations::*:ou/o-*/ou-*", "arn:aws:organizations::*:root/o-*/r-*"]
      ]
    }
    error_message = "one role, by name, and the lists that are needed"
  }
}

run "refuses_an_organization_that_no_person_has_allowed" {
  command = plan
  variables {
    organization = { role = "keyrota", role_arn = "arn:{partition}:iam::*:role/keyrota", actions = [], access = {} }
  }
  expect_failures = [var.organization]
}
