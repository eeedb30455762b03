# A provider and a module for each account of the manifests that has a `role`: Terraform can't make providers of a map.
# Without other accounts, this file is empty.

locals {
  trust = {
    execution_role_arns = [module.rotation.execution_role_arn]
    plan_role_arns      = var.github == null ? [] : [module.rotation.plan_role_arn]
  }
  # A role in each account with which Terraform may create roles and policies.
  deployer = "OrganizationAccountAccessRole"
}

provider "aws" {
  alias  = "payments_prod"
  region = var.accounts["payments-prod"].region
  # The wrong credentials must not make roles in the wrong account.
  allowed_account_ids = [var.accounts["payments-prod"].id]

  assume_role {
    role_arn = "arn:aws:iam::${var.accounts["payments-prod"].id}:role/${local.deployer}"
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
}

provider "aws" {
  alias  = "payments_test"
  region = var.accounts["payments-test"].region
  # The wrong credentials must not make roles in the wrong account.
  allowed_account_ids = [var.accounts["payments-test"].id]

  assume_role {
    role_arn = "arn:aws:iam::${var.accounts["payments-test"].id}:role/${local.deployer}"
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
}
