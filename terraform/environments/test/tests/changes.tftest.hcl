# What a change of the manifests changes: each run below plans one, on top of the stack of `before`. `cargo xtask check-terraform`
# reads the plans and compares them with changes.json; the emulator's tests show that the deploy roles may make these changes, and
# no others. A change of what a person sets comes last, for comparison.

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
  package = "main.tf" # any file will do
}

run "before" {
  assert {
    condition     = toset(keys(output.reader_policy_arns)) == toset(["payments-prod", "payments-test"])
    error_message = "the users of each account can read their secrets"
  }
}

# The same manifests again.
run "nothing" {
  command = plan
  variables {
    accounts = { "payments-prod" = { "grants" = [{ "tags" = {}, "users" = ["arn:{partition}:iam::111122223333:user/*/platform-*", "arn:{partition}:iam::111122223333:user/*/svc-reports", "arn:{partition}:iam::111122223333:user/platform-*", "arn:{partition}:iam::111122223333:user/svc-reports"] }, { "tags" = { "team" = ["payments"] }, "users" = ["arn:{partition}:iam::111122223333:user/*/ci-*", "arn:{partition}:iam::111122223333:user/*/svc-*", "arn:{partition}:iam::111122223333:user/ci-*", "arn:{partition}:iam::111122223333:user/svc-*"] }], "id" = "111122223333", "kms_aliases" = [], "kms_keys" = [], "never" = ["arn:{partition}:iam::111122223333:user/*/svc-breakglass", "arn:{partition}:iam::111122223333:user/svc-breakglass"], "region" = "eu-west-1", "replica_regions" = ["eu-central-1"], "replicated" = ["arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/platform-*-??????"], "role" = "arn:{partition}:iam::111122223333:role/keyrota", "secrets" = ["arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/ci-*-??????", "arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/platform-*-??????", "arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/svc-*-??????"], "templates" = ["/aws/iam/credentials/{user}"] }, "payments-test" = { "grants" = [{ "tags" = {}, "users" = ["arn:{partition}:iam::444455556666:user/*/platform-*", "arn:{partition}:iam::444455556666:user/platform-*", "arn:{partition}:iam::444455556666:user/robots/*"] }, { "tags" = { "team" = ["payments"] }, "users" = ["arn:{partition}:iam::444455556666:user/*/ci-*", "arn:{partition}:iam::444455556666:user/*/svc-*", "arn:{partition}:iam::444455556666:user/ci-*", "arn:{partition}:iam::444455556666:user/svc-*"] }], "id" = "444455556666", "kms_aliases" = [], "kms_keys" = [], "never" = [], "region" = "eu-west-1", "replica_regions" = ["eu-central-1"], "replicated" = ["arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/platform-*-??????"], "role" = "arn:{partition}:iam::444455556666:role/keyrota", "secrets" = ["arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/ci-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/platform-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/svc-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:robots/*-??????"], "templates" = ["/aws/iam/credentials/{user}", "robots/{user}"] } }
  }
}

# The package and its commit: new rules, templates and programs are in it.
run "another_package" {
  command = plan
  variables {
    package  = "outputs.tf"
    revision = "0123456789abcdef"
  }
}

# A rule names a user that no policy names yet.
run "a_new_user" {
  command = plan
  variables {
    accounts = { "payments-prod" = { "grants" = [{ "tags" = {}, "users" = ["arn:{partition}:iam::111122223333:user/*/platform-*", "arn:{partition}:iam::111122223333:user/*/svc-reports", "arn:{partition}:iam::111122223333:user/platform-*", "arn:{partition}:iam::111122223333:user/svc-reports", "arn:{partition}:iam::111122223333:user/svc-new"] }, { "tags" = { "team" = ["payments"] }, "users" = ["arn:{partition}:iam::111122223333:user/*/ci-*", "arn:{partition}:iam::111122223333:user/*/svc-*", "arn:{partition}:iam::111122223333:user/ci-*", "arn:{partition}:iam::111122223333:user/svc-*"] }], "id" = "111122223333", "kms_aliases" = [], "kms_keys" = [], "never" = ["arn:{partition}:iam::111122223333:user/*/svc-breakglass", "arn:{partition}:iam::111122223333:user/svc-breakglass"], "region" = "eu-west-1", "replica_regions" = ["eu-central-1"], "replicated" = ["arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/platform-*-??????"], "role" = "arn:{partition}:iam::111122223333:role/keyrota", "secrets" = ["arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/ci-*-??????", "arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/platform-*-??????", "arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/svc-*-??????", "arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/svc-new-??????"], "templates" = ["/aws/iam/credentials/{user}"] }, "payments-test" = { "grants" = [{ "tags" = {}, "users" = ["arn:{partition}:iam::444455556666:user/*/platform-*", "arn:{partition}:iam::444455556666:user/platform-*", "arn:{partition}:iam::444455556666:user/robots/*"] }, { "tags" = { "team" = ["payments"] }, "users" = ["arn:{partition}:iam::444455556666:user/*/ci-*", "arn:{partition}:iam::444455556666:user/*/svc-*", "arn:{partition}:iam::444455556666:user/ci-*", "arn:{partition}:iam::444455556666:user/svc-*"] }], "id" = "444455556666", "kms_aliases" = [], "kms_keys" = [], "never" = [], "region" = "eu-west-1", "replica_regions" = ["eu-central-1"], "replicated" = ["arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/platform-*-??????"], "role" = "arn:{partition}:iam::444455556666:role/keyrota", "secrets" = ["arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/ci-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/platform-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/svc-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:robots/*-??????"], "templates" = ["/aws/iam/credentials/{user}", "robots/{user}"] } }
  }
}

# A rule has its secrets elsewhere.
run "a_new_template" {
  command = plan
  variables {
    accounts = { "payments-prod" = { "grants" = [{ "tags" = {}, "users" = ["arn:{partition}:iam::111122223333:user/*/platform-*", "arn:{partition}:iam::111122223333:user/*/svc-reports", "arn:{partition}:iam::111122223333:user/platform-*", "arn:{partition}:iam::111122223333:user/svc-reports"] }, { "tags" = { "team" = ["payments"] }, "users" = ["arn:{partition}:iam::111122223333:user/*/ci-*", "arn:{partition}:iam::111122223333:user/*/svc-*", "arn:{partition}:iam::111122223333:user/ci-*", "arn:{partition}:iam::111122223333:user/svc-*"] }], "id" = "111122223333", "kms_aliases" = [], "kms_keys" = [], "never" = ["arn:{partition}:iam::111122223333:user/*/svc-breakglass", "arn:{partition}:iam::111122223333:user/svc-breakglass"], "region" = "eu-west-1", "replica_regions" = ["eu-central-1"], "replicated" = ["arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/platform-*-??????"], "role" = "arn:{partition}:iam::111122223333:role/keyrota", "secrets" = ["arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/ci-*-??????", "arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/platform-*-??????", "arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/svc-*-??????", "arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:payments/svc-new-??????"], "templates" = ["/aws/iam/credentials/{user}", "payments/{user}"] }, "payments-test" = { "grants" = [{ "tags" = {}, "users" = ["arn:{partition}:iam::444455556666:user/*/platform-*", "arn:{partition}:iam::444455556666:user/platform-*", "arn:{partition}:iam::444455556666:user/robots/*"] }, { "tags" = { "team" = ["payments"] }, "users" = ["arn:{partition}:iam::444455556666:user/*/ci-*", "arn:{partition}:iam::444455556666:user/*/svc-*", "arn:{partition}:iam::444455556666:user/ci-*", "arn:{partition}:iam::444455556666:user/svc-*"] }], "id" = "444455556666", "kms_aliases" = [], "kms_keys" = [], "never" = [], "region" = "eu-west-1", "replica_regions" = ["eu-central-1"], "replicated" = ["arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/platform-*-??????"], "role" = "arn:{partition}:iam::444455556666:role/keyrota", "secrets" = ["arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/ci-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/platform-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/svc-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:robots/*-??????"], "templates" = ["/aws/iam/credentials/{user}", "robots/{user}"] } }
  }
}

# A rule has its secrets encrypted with another key.
run "a_new_kms_key" {
  command = plan
  variables {
    accounts = { "payments-prod" = { "grants" = [{ "tags" = {}, "users" = ["arn:{partition}:iam::111122223333:user/*/platform-*", "arn:{partition}:iam::111122223333:user/*/svc-reports", "arn:{partition}:iam::111122223333:user/platform-*", "arn:{partition}:iam::111122223333:user/svc-reports"] }, { "tags" = { "team" = ["payments"] }, "users" = ["arn:{partition}:iam::111122223333:user/*/ci-*", "arn:{partition}:iam::111122223333:user/*/svc-*", "arn:{partition}:iam::111122223333:user/ci-*", "arn:{partition}:iam::111122223333:user/svc-*"] }], "id" = "111122223333", "kms_aliases" = [], "kms_keys" = ["arn:{partition}:kms:eu-west-1:111122223333:key/22222222-2222-3333-4444-555555555555"], "never" = ["arn:{partition}:iam::111122223333:user/*/svc-breakglass", "arn:{partition}:iam::111122223333:user/svc-breakglass"], "region" = "eu-west-1", "replica_regions" = ["eu-central-1"], "replicated" = ["arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/platform-*-??????"], "role" = "arn:{partition}:iam::111122223333:role/keyrota", "secrets" = ["arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/ci-*-??????", "arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/platform-*-??????", "arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/svc-*-??????"], "templates" = ["/aws/iam/credentials/{user}"] }, "payments-test" = { "grants" = [{ "tags" = {}, "users" = ["arn:{partition}:iam::444455556666:user/*/platform-*", "arn:{partition}:iam::444455556666:user/platform-*", "arn:{partition}:iam::444455556666:user/robots/*"] }, { "tags" = { "team" = ["payments"] }, "users" = ["arn:{partition}:iam::444455556666:user/*/ci-*", "arn:{partition}:iam::444455556666:user/*/svc-*", "arn:{partition}:iam::444455556666:user/ci-*", "arn:{partition}:iam::444455556666:user/svc-*"] }], "id" = "444455556666", "kms_aliases" = [], "kms_keys" = [], "never" = [], "region" = "eu-west-1", "replica_regions" = ["eu-central-1"], "replicated" = ["arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/platform-*-??????"], "role" = "arn:{partition}:iam::444455556666:role/keyrota", "secrets" = ["arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/ci-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/platform-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/svc-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:robots/*-??????"], "templates" = ["/aws/iam/credentials/{user}", "robots/{user}"] } }
  }
}

# A rule has its secrets replicated to another region.
run "a_new_replica" {
  command = plan
  variables {
    accounts = { "payments-prod" = { "grants" = [{ "tags" = {}, "users" = ["arn:{partition}:iam::111122223333:user/*/platform-*", "arn:{partition}:iam::111122223333:user/*/svc-reports", "arn:{partition}:iam::111122223333:user/platform-*", "arn:{partition}:iam::111122223333:user/svc-reports"] }, { "tags" = { "team" = ["payments"] }, "users" = ["arn:{partition}:iam::111122223333:user/*/ci-*", "arn:{partition}:iam::111122223333:user/*/svc-*", "arn:{partition}:iam::111122223333:user/ci-*", "arn:{partition}:iam::111122223333:user/svc-*"] }], "id" = "111122223333", "kms_aliases" = [], "kms_keys" = [], "never" = ["arn:{partition}:iam::111122223333:user/*/svc-breakglass", "arn:{partition}:iam::111122223333:user/svc-breakglass"], "region" = "eu-west-1", "replica_regions" = ["eu-central-1", "eu-north-1"], "replicated" = ["arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/platform-*-??????"], "role" = "arn:{partition}:iam::111122223333:role/keyrota", "secrets" = ["arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/ci-*-??????", "arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/platform-*-??????", "arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/svc-*-??????"], "templates" = ["/aws/iam/credentials/{user}"] }, "payments-test" = { "grants" = [{ "tags" = {}, "users" = ["arn:{partition}:iam::444455556666:user/*/platform-*", "arn:{partition}:iam::444455556666:user/platform-*", "arn:{partition}:iam::444455556666:user/robots/*"] }, { "tags" = { "team" = ["payments"] }, "users" = ["arn:{partition}:iam::444455556666:user/*/ci-*", "arn:{partition}:iam::444455556666:user/*/svc-*", "arn:{partition}:iam::444455556666:user/ci-*", "arn:{partition}:iam::444455556666:user/svc-*"] }], "id" = "444455556666", "kms_aliases" = [], "kms_keys" = [], "never" = [], "region" = "eu-west-1", "replica_regions" = ["eu-central-1"], "replicated" = ["arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/platform-*-??????"], "role" = "arn:{partition}:iam::444455556666:role/keyrota", "secrets" = ["arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/ci-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/platform-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/svc-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:robots/*-??????"], "templates" = ["/aws/iam/credentials/{user}", "robots/{user}"] } }
  }
}

# Users of the function's own account rotate, too.
run "the_functions_own_account" {
  command = plan
  variables {
    accounts = { "payments-prod" = { "grants" = [{ "tags" = {}, "users" = ["arn:{partition}:iam::111122223333:user/*/platform-*", "arn:{partition}:iam::111122223333:user/*/svc-reports", "arn:{partition}:iam::111122223333:user/platform-*", "arn:{partition}:iam::111122223333:user/svc-reports"] }, { "tags" = { "team" = ["payments"] }, "users" = ["arn:{partition}:iam::111122223333:user/*/ci-*", "arn:{partition}:iam::111122223333:user/*/svc-*", "arn:{partition}:iam::111122223333:user/ci-*", "arn:{partition}:iam::111122223333:user/svc-*"] }], "id" = "111122223333", "kms_aliases" = [], "kms_keys" = [], "never" = ["arn:{partition}:iam::111122223333:user/*/svc-breakglass", "arn:{partition}:iam::111122223333:user/svc-breakglass"], "region" = "eu-west-1", "replica_regions" = ["eu-central-1"], "replicated" = ["arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/platform-*-??????"], "role" = "arn:{partition}:iam::111122223333:role/keyrota", "secrets" = ["arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/ci-*-??????", "arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/platform-*-??????", "arn:{partition}:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/svc-*-??????"], "templates" = ["/aws/iam/credentials/{user}"] }, "payments-test" = { "grants" = [{ "tags" = {}, "users" = ["arn:{partition}:iam::444455556666:user/*/platform-*", "arn:{partition}:iam::444455556666:user/platform-*", "arn:{partition}:iam::444455556666:user/robots/*"] }, { "tags" = { "team" = ["payments"] }, "users" = ["arn:{partition}:iam::444455556666:user/*/ci-*", "arn:{partition}:iam::444455556666:user/*/svc-*", "arn:{partition}:iam::444455556666:user/ci-*", "arn:{partition}:iam::444455556666:user/svc-*"] }], "id" = "444455556666", "kms_aliases" = [], "kms_keys" = [], "never" = [], "region" = "eu-west-1", "replica_regions" = ["eu-central-1"], "replicated" = ["arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/platform-*-??????"], "role" = "arn:{partition}:iam::444455556666:role/keyrota", "secrets" = ["arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/ci-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/platform-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:/aws/iam/credentials/svc-*-??????", "arn:{partition}:secretsmanager:eu-west-1:444455556666:secret:robots/*-??????"], "templates" = ["/aws/iam/credentials/{user}", "robots/{user}"] }, "tools" = { "grants" = [{ "users" = ["arn:{partition}:iam::{account}:user/ci-*"], "tags" = {} }], "never" = [], "secrets" = ["arn:{partition}:secretsmanager:{region}:{account}:secret:/aws/iam/credentials/ci-*-??????"], "templates" = ["/aws/iam/credentials/{user}"], "replicated" = [], "replica_regions" = [], "kms_keys" = [], "kms_aliases" = [], "id" = null, "role" = null, "region" = null } }
  }
}

# Mail comes from elsewhere.
run "a_new_sender" {
  command = plan
  variables {
    mail = { "address" = "keys@example.net", "configuration_set" = null, "domain" = "example.net", "from_arn" = null, "region" = null }
  }
}

# Mail is sent with a configuration set.
run "a_configuration_set" {
  command = plan
  variables {
    mail = { "address" = "security@example.com", "configuration_set" = "keyrota", "domain" = "example.com", "from_arn" = null, "region" = null }
  }
}

# Runs come at other times.
run "another_schedule" {
  command = plan
  variables {
    schedules = { "enforce" = "cron(0 6 1 * ? *)", "tend" = "cron(0 6 ? * MON-FRI *)", "run_within_days" = 4 }
  }
}
