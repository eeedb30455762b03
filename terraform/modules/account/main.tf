# In an account whose users rotate, when the function runs in another: the role that it assumes, the one that a plan
# assumes, and the policy with which users read their secrets.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

module "access" {
  source = "../access"

  access       = var.access
  account_id   = local.account_id
  partition    = data.aws_partition.current.partition
  region       = local.region
  read_in_bulk = var.read_in_bulk
}

module "reader" {
  source   = "../reader"
  for_each = toset(var.access.templates)

  name         = local.name
  account_id   = local.account_id
  partition    = data.aws_partition.current.partition
  region       = local.region
  template     = each.key
  kms_key_arns = var.access.kms_keys
}

module "boundary" {
  source = "../boundary"
  count  = var.permissions_boundary_arn == null ? 1 : 0

  name       = local.name
  account_id = local.account_id
  partition  = data.aws_partition.current.partition
  users      = try(var.boundary.users, [])
  secrets    = try(var.boundary.secrets, [])
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
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = each.value.trusted }
    }]
  })

  lifecycle {
    precondition {
      condition     = length(each.value.policy) <= 10240
      error_message = "The policy is longer than the 10,240 characters that IAM allows. Let fewer rules name more users: by globs, by a path or by tags."
    }
  }
}

resource "aws_iam_role_policy" "this" {
  for_each = aws_iam_role.this

  name   = "rotation"
  role   = each.value.id
  policy = local.roles[each.key].policy
}

locals {
  account_id = coalesce(var.access.id, data.aws_caller_identity.current.account_id)

  name   = element(split("/", coalesce(var.access.role, "keyrota")), -1)
  path   = try(regex("role(/.*/)[^/]+$", var.access.role)[0], "/")
  region = coalesce(var.access.region, var.region)

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
