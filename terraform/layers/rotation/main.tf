data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

module "key" {
  source = "../../modules/key"
  count  = var.kms_key_arn == null ? 1 : 0

  name       = var.name
  account_id = local.account_id
  partition  = local.partition
  dns_suffix = local.dns_suffix
  region     = var.region
}

module "mail" {
  source = "../../modules/mail"
  count  = var.mail == null ? 0 : 1

  name              = var.name
  identity          = var.mail_identity == "domain" ? var.mail.domain : var.mail.address
  from_arn          = var.mail.from_arn
  configuration_set = var.mail.configuration_set
  create            = var.create_mail_identity
  test_recipients   = var.test_recipients
  account_id        = local.account_id
  partition         = local.partition
  region            = coalesce(var.mail.region, var.region)
}

# The account of the function itself, where the manifests name no role for it.
module "access" {
  source   = "../../modules/access"
  for_each = local.own

  access       = each.value
  account_id   = local.account_id
  partition    = local.partition
  dns_suffix   = local.dns_suffix
  region       = coalesce(each.value.region, var.region)
  read_in_bulk = var.read_in_bulk
}

module "reader" {
  source   = "../../modules/reader"
  for_each = toset(flatten([for access in values(local.own) : access.templates]))

  name       = var.name
  account_id = local.account_id
  partition  = local.partition
  dns_suffix = local.dns_suffix
  template   = each.key
}

module "evidence" {
  source = "../../modules/evidence"
  count  = var.evidence == null ? 0 : 1

  bucket      = local.evidence_bucket
  keep_days   = var.evidence.keep_days
  lock        = var.evidence.lock
  kms_key_arn = local.kms_key_arn
  account_id  = local.account_id
  partition   = local.partition
}

# Not of today's manifests: whoever ships those may not change the boundary.
module "boundary" {
  source = "../../modules/boundary"
  count  = var.permissions_boundary_arn == null ? 1 : 0

  name                 = var.name
  account_id           = local.account_id
  partition            = local.partition
  dns_suffix           = local.dns_suffix
  users                = try(var.boundary.users, [])
  roles                = try(var.boundary.roles, [])
  secrets              = try(var.boundary.secrets, [])
  parameters           = try(var.boundary.parameters, [])
  readable             = try(var.boundary.readable, [])
  event_buses          = try(var.boundary.event_buses, [])
  topics               = try(var.boundary.topics, [])
  webhooks             = try(var.boundary.webhooks, [])
  log_group_arns       = ["arn:${local.partition}:logs:${var.region}:${local.account_id}:log-group:/aws/lambda/${var.name}:*"]
  evidence_bucket_arns = local.evidence_bucket == null ? [] : ["arn:${local.partition}:s3:::${local.evidence_bucket}"]
  fleet_bucket_arns    = local.fleet_bucket == null ? [] : ["arn:${local.partition}:s3:::${local.fleet_bucket}"]
  organization_role    = try(var.boundary.organization_role, null)
  queue_arns           = ["arn:${local.partition}:sqs:${var.region}:${local.account_id}:${var.name}-failed"]
}

module "function" {
  source = "../../modules/function"

  name                     = var.name
  package                  = var.package
  revision                 = var.revision
  architecture             = var.architecture
  memory_size              = coalesce(var.memory_size, var.fleet ? 512 : 128)
  timeout                  = var.timeout
  reserved_concurrency     = local.reserved_concurrency
  maximum_retries          = var.maximum_retries
  log_retention_days       = var.log_retention_days
  log_level                = var.log_level
  evidence_bucket          = local.evidence_bucket
  fleet_bucket             = local.fleet_bucket
  kms_key_arn              = local.kms_key_arn
  account_id               = local.account_id
  partition                = local.partition
  dns_suffix               = local.dns_suffix
  region                   = var.region
  permissions_boundary_arn = var.permissions_boundary_arn == null ? module.boundary[0].arn : var.permissions_boundary_arn

  policies = merge(
    length(local.caller) == 0 ? {} : { caller = jsonencode({ Version = "2012-10-17", Statement = local.caller }) },
    { for access in values(module.access) : "rotation" => access.execution },
  )
}

module "fleet" {
  source = "../../modules/fleet"
  count  = var.fleet ? 1 : 0

  name                         = var.name
  bucket                       = local.fleet_bucket
  function_arn                 = module.function.arn
  max_concurrency              = var.fleet_concurrency
  tolerated_failure_percentage = var.fleet_tolerated_failure_percentage
  execution_timeout            = var.fleet_timeout
  kms_key_arn                  = local.kms_key_arn
  account_id                   = local.account_id
  partition                    = local.partition
  dns_suffix                   = local.dns_suffix
  region                       = var.region
}

module "schedule" {
  source = "../../modules/schedule"

  name              = var.name
  schedules         = { enforce = var.schedules.enforce, tend = var.schedules.tend }
  paused            = var.paused
  function_arn      = module.function.arn
  state_machine_arn = one(module.fleet[*].arn)
  kms_key_arn       = local.kms_key_arn
  account_id        = local.account_id
  dns_suffix        = local.dns_suffix
  region            = var.region
}

module "alarms" {
  source = "../../modules/alarms"

  name                   = var.name
  namespace              = var.name
  paused                 = var.paused
  function_name          = module.function.name
  failed_queue_name      = module.function.queue_name
  undelivered_queue_name = module.schedule.queue_name
  state_machine_arn      = local.state_machine_arn
  run_within_days        = local.run_within_days
  topic_arns             = var.alarm_topic_arns
  emails                 = var.alarm_emails
  kms_key_arn            = local.kms_key_arn
  account_id             = local.account_id
}

module "github" {
  source = "../../modules/github"
  count  = var.github == null ? 0 : 1

  name               = var.name
  repository         = var.github.repository
  repository_ids     = var.github.repository_ids
  oidc_provider_arn  = var.github.oidc_provider_arn
  plan_subjects      = var.github.plan_subjects
  deploy_subjects    = var.github.deploy_subjects
  deploy_role_arns   = coalesce(var.github.deploy_role_arns, [for role in local.bounded_roles : "${role}-deploy"])
  state              = var.github.state
  execution_role_arn = local.execution_role_arn
  schedule_role_arn  = "${local.execution_role_arn}-schedule"
  boundary_arn       = local.boundary_arn
  evidence_arns      = flatten([module.evidence[*].arn, module.evidence[*].log_arn, module.fleet[*].bucket_arn])
  kms_key_arn        = local.kms_key_arn
  account_id         = local.account_id
  partition          = local.partition
  dns_suffix         = local.dns_suffix
  region             = var.region

  plan_policies = merge(
    { rotation = module.plan.plan },
    length(local.plan_roles) == 0 ? {} : {
      caller = jsonencode({
        Version   = "2012-10-17"
        Statement = [{ Sid = "AssumeRoles", Effect = "Allow", Action = ["sts:AssumeRole"], Resource = local.plan_roles }]
      })
    },
  )
}

# What a plan reads here is the same whatever the manifests say.
module "plan" {
  source = "../../modules/access"

  access       = local.nothing
  account_id   = local.account_id
  partition    = local.partition
  dns_suffix   = local.dns_suffix
  region       = var.region
  read_in_bulk = var.read_in_bulk
}

locals {
  account_id  = data.aws_caller_identity.current.account_id
  partition   = data.aws_partition.current.partition
  dns_suffix  = data.aws_partition.current.dns_suffix
  kms_key_arn = var.kms_key_arn == null ? module.key[0].arn : var.kms_key_arn

  # Known before they are made, so that a plan shows the policies that name them.
  evidence_bucket    = var.evidence == null ? null : coalesce(var.evidence.bucket, "${var.name}-evidence-${local.account_id}")
  state_machine_arn  = var.fleet ? "arn:${local.partition}:states:${var.region}:${local.account_id}:stateMachine:${var.name}" : null
  fleet_bucket       = var.fleet ? "${var.name}-fleet-${local.account_id}" : null
  execution_role_arn = "arn:${local.partition}:iam::${local.account_id}:role/${var.name}"
  boundary_arn       = coalesce(var.permissions_boundary_arn, "arn:${local.partition}:iam::${local.account_id}:policy/${var.name}-boundary")

  own = { for name, access in var.accounts : name => access if access.role == null }
  roles = sort(concat(
    [for access in values(var.accounts) : replace(access.role, "{partition}", local.partition) if access.role != null],
    [for organization in [var.organization] : replace(organization.role_arn, "{partition}", local.partition) if organization != null],
  ))

  # Each account that is worked off takes one, and the last step the one that is left.
  reserved_concurrency = coalesce(var.reserved_concurrency, var.fleet ? 2 * var.fleet_concurrency + 2 : 1)

  # IAM can't scope lists of a whole organisation; what is asked of a unit or of an account it can, but for which management
  # account they belong to.
  organization_actions = try(var.organization.actions, [])
  organization_arn     = "arn:${local.partition}:organizations::*"
  of_units             = ["organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent"]
  find_accounts        = [for action in local.organization_actions : action if !contains(concat(local.of_units, ["organizations:ListTagsForResource"]), action)]
  look_into_units      = [for action in local.organization_actions : action if contains(local.of_units, action)]
  read_tags            = [for action in local.organization_actions : action if action == "organizations:ListTagsForResource"]
  nothing = {
    grants = [], never = [], secrets = [], templates = [], replicated = [], replica_regions = [], kms_keys = [], kms_aliases = [], parameters = [], delivered = []
  }

  # By name in the function's account and region, or by ARN.
  own_secrets = [for secret in var.own_secrets :
    startswith(secret, "arn:") ? secret : "arn:${local.partition}:secretsmanager:${var.region}:${local.account_id}:secret:${secret}-??????"
  ]

  # A person sets these, so that a pull request of a new account changes no role of the workflows.
  bounded_roles = sort(try(var.boundary.roles, []))
  plan_roles    = var.github == null ? [] : coalesce(var.github.plan_role_arns, [for role in local.bounded_roles : "${role}-plan"])

  # `schedules` says it where the manifests have a schedule of their own: `null` if CloudWatch can't look back so far.
  run_within_days = var.run_within_days != null ? var.run_within_days : (
    var.schedules.run_within_days <= 7 ? var.schedules.run_within_days : null
  )

  channels = coalesce(var.channels, { event_bus = null, topics = [], webhooks = [] })
  here = { for arn in [local.channels.event_bus] : arn =>
    replace(replace(replace(arn, "{partition}", local.partition), "{region}", var.region), "{account}", local.account_id) if arn != null
  }

  # Mail and messages leave from here, and events, whichever account they are about.
  caller_statements = jsondecode(templatefile("${path.module}/../../modules/access/statements/caller.json.tftpl", {
    mail_identities = flatten(module.mail[*].arns)
    mail_from       = try(var.mail.address, "")
    roles           = local.roles
    own_secrets     = local.own_secrets
    event_buses     = [for arn in [local.channels.event_bus] : local.here[arn] if arn != null]
    topics          = local.channels.topics
    webhooks        = [for name in local.channels.webhooks : "arn:${local.partition}:secretsmanager:${var.region}:${local.account_id}:secret:${name}-??????"]

    find_accounts         = local.find_accounts
    anywhere              = length(local.find_accounts) == 0 ? [] : ["*"]
    look_into_units       = local.look_into_units
    units                 = length(local.look_into_units) == 0 ? [] : ["${local.organization_arn}:ou/o-*/ou-*", "${local.organization_arn}:root/o-*/r-*"]
    read_tags             = local.read_tags
    organization_accounts = length(local.read_tags) == 0 ? [] : ["${local.organization_arn}:account/o-*/*"]
  })).Statement
  caller = [for statement in local.caller_statements : statement if length(statement.Resource) > 0]
}
