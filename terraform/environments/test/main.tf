# The accounts of the example manifests. Copy this folder for an environment of your own.

terraform {
  required_version = ">= 1.10" # `use_lockfile`

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
  }

  # A team keeps the state in a bucket:
  # backend "s3" {
  #   bucket       = "example-terraform-state"
  #   key          = "keyrota/test.tfstate"
  #   region       = "eu-west-1"
  #   encrypt      = true
  #   use_lockfile = true
  # }
}

# Where the function runs.
provider "aws" {
  region = var.region

  default_tags {
    tags = local.tags
  }
}

module "rotation" {
  source = "../../layers/rotation"

  name                 = local.name
  region               = var.region
  package              = var.package
  revision             = var.revision
  architecture         = var.architecture
  paused               = var.paused
  reserved_concurrency = var.reserved_concurrency
  schedules            = var.schedules
  mail                 = var.mail
  mail_identity        = var.mail_identity
  create_mail_identity = var.create_mail_identity
  test_recipients      = var.test_recipients
  channels             = var.channels
  alarm_emails         = var.alarm_emails
  accounts             = var.accounts
  own_secrets          = var.own_secrets
  boundary             = var.boundary
  organization         = var.organization
  fleet                = var.fleet
  github               = var.github
}

data "aws_partition" "current" {}

locals {
  # Two environments of one account differ in `environment`, and so in the names of everything.
  name = coalesce(var.name, "${var.application}-${var.environment}")

  # On everything, in every account.
  tags = merge(var.tags, { application = var.application, environment = var.environment }, var.owner == null ? {} : { owner = var.owner })
}
