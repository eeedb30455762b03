# A provider and a module for each account of the manifests that has a `role`: Terraform can't make providers of a map.
# Without other accounts, only the two maps below are left, empty.

locals {
  trust = {
    execution_role_arns = [module.rotation.execution_role_arn]
    plan_role_arns      = var.github == null ? [] : [module.rotation.plan_role_arn]
    deploy_role_arns    = var.github == null ? [] : [module.rotation.deploy_role_arn]
  }

  # The roles with which Terraform works in the other accounts: those that the module `account` makes there, or, until it
  # has made them, the one that `deployer` names.
  deployers = { for name, access in var.accounts : name => var.deployer == null ?
    replace("${coalesce(access.role, "-")}-deploy", "{partition}", data.aws_partition.current.partition) :
    "arn:${data.aws_partition.current.partition}:iam::${coalesce(access.id, "-")}:role/${var.deployer}"
  }

  # By the accounts' names in the manifests.
  accounts = {
    payments-prod = module.payments_prod
    payments-test = module.payments_test
  }
}

provider "aws" {
  alias  = "payments_prod"
  region = var.accounts["payments-prod"].region
  # The wrong credentials must not make roles in the wrong account.
  allowed_account_ids = [var.accounts["payments-prod"].id]

  assume_role {
    role_arn = local.deployers["payments-prod"]
  }

  default_tags {
    tags = local.tags
  }
}

module "payments_prod" {
  source    = "../../modules/account"
  providers = { aws = aws.payments_prod }

  region              = var.region
  access              = var.accounts["payments-prod"]
  boundary            = { users = var.boundary_users["payments-prod"] }
  execution_role_arns = local.trust.execution_role_arns
  plan_role_arns      = local.trust.plan_role_arns
  deploy_role_arns    = local.trust.deploy_role_arns
}

provider "aws" {
  alias  = "payments_test"
  region = var.accounts["payments-test"].region
  # The wrong credentials must not make roles in the wrong account.
  allowed_account_ids = [var.accounts["payments-test"].id]

  assume_role {
    role_arn = local.deployers["payments-test"]
  }

  default_tags {
    tags = local.tags
  }
}

module "payments_test" {
  source    = "../../modules/account"
  providers = { aws = aws.payments_test }

  region              = var.region
  access              = var.accounts["payments-test"]
  boundary            = { users = var.boundary_users["payments-test"] }
  execution_role_arns = local.trust.execution_role_arns
  plan_role_arns      = local.trust.plan_role_arns
  deploy_role_arns    = local.trust.deploy_role_arns
}
