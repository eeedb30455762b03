# In an account whose users rotate, when the function runs in another: the role that it assumes, the one that a plan
# assumes, the one with which new manifests are shipped, and the policies with which users read their secrets.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

module "access" {
  source = "../access"

  access       = var.access
  account_id   = local.account_id
  partition    = local.partition
  dns_suffix   = data.aws_partition.current.dns_suffix
  region       = local.region
  read_in_bulk = var.read_in_bulk
}

module "reader" {
  source   = "../reader"
  for_each = toset(var.access.templates)

  name       = local.name
  account_id = local.account_id
  partition  = local.partition
  dns_suffix = data.aws_partition.current.dns_suffix
  template   = each.key
}

module "boundary" {
  source = "../boundary"
  count  = var.permissions_boundary_arn == null ? 1 : 0

  name       = local.name
  account_id = local.account_id
  partition  = local.partition
  dns_suffix = data.aws_partition.current.dns_suffix
  users      = try(var.boundary.users, [])
  secrets    = try(var.boundary.secrets, [])
  parameters = try(var.boundary.parameters, [])
  readable   = try(var.boundary.readable, [])

  # Messages and events leave from the account of the function.
  event_buses = []
  topics      = []
  webhooks    = []
}

resource "aws_iam_role" "this" {
  for_each = { for name, role in local.roles : name => role if length(role.trusted) > 0 }

  name        = each.value.name
  path        = local.path
  description = each.value.description
  # Who ships manifests writes the policies below, and can't reach beyond this.
  permissions_boundary = var.permissions_boundary_arn == null ? module.boundary[0].arn : var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    # Without an external id there is no condition, which IAM would not take empty.
    Statement = [merge({
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = each.value.trusted }
    }, local.condition)]
  })

  lifecycle {
    precondition {
      condition     = length(each.value.policy) <= 10240
      error_message = "The policy of ${each.value.name} would have ${length(each.value.policy)} characters; IAM allows 10,240. Let fewer rules name more users: by globs, by a path or by tags."
    }
  }
}

# Ships manifests to this account. Its policy is its boundary as well: what someone grants it besides has no effect.
resource "aws_iam_role" "deploy" {
  count = length(var.deploy_role_arns) == 0 ? 0 : 1

  name                 = "${local.name}-deploy"
  path                 = local.path
  description          = "Writes the policies of ${local.name} as the manifests want them; can do nothing else"
  permissions_boundary = aws_iam_policy.deploy[0].arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = var.deploy_role_arns }
    }]
  })
}

module "deploy" {
  source = "../deploy"

  name               = local.name
  account_id         = local.account_id
  partition          = local.partition
  execution_role_arn = "arn:${local.partition}:iam::${local.account_id}:role${local.path}${local.name}"
  boundary_arn       = local.boundary_arn
}

resource "aws_iam_policy" "deploy" {
  # checkov:skip=CKV_AWS_355:what is allowed on all resources is a list; the rest are denials.
  count = length(var.deploy_role_arns) == 0 ? 0 : 1

  name        = "${local.name}-deploy"
  description = "What ${local.name}-deploy may do, and the most that it could ever do"
  policy      = jsonencode({ Version = "2012-10-17", Statement = module.deploy.statements })
}

resource "aws_iam_role_policy_attachment" "deploy" {
  count = length(var.deploy_role_arns) == 0 ? 0 : 1

  role       = aws_iam_role.deploy[0].name
  policy_arn = aws_iam_policy.deploy[0].arn
}

resource "aws_iam_role_policy" "this" {
  for_each = aws_iam_role.this

  name   = "rotation"
  role   = each.value.name
  policy = local.roles[each.key].policy
}

locals {
  account_id = coalesce(var.access.id, data.aws_caller_identity.current.account_id)
  partition  = data.aws_partition.current.partition

  # Known before the policy is made, so that a plan shows the documents that name it.
  boundary_arn = coalesce(var.permissions_boundary_arn, "arn:${local.partition}:iam::${local.account_id}:policy/${local.name}-boundary")

  name   = element(split("/", var.access.role), -1)
  path   = try(regex("role(/.*/)[^/]+$", var.access.role)[0], "/")
  region = coalesce(var.access.region, var.region)

  condition = { for key in ["Condition"] : key => { StringEquals = { "sts:ExternalId" = var.access.external_id } } if var.access.external_id != null }

  roles = {
    execution = {
      name        = local.name
      description = "Assumed by keyrota to rotate access keys here"
      trusted     = var.execution_role_arns
      policy      = module.access.execution
    }
    plan = {
      name        = "${local.name}-plan"
      description = "Assumed by keyrota to plan for this account; may read only"
      trusted     = var.plan_role_arns
      policy      = module.access.plan
    }
  }
}
