# The accounts of the example manifests. Copy this folder for an environment of your own.

terraform {
  required_version = ">= 1.9"

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
    tags = { app = "keyrota", environment = "test" }
  }
}

module "rotation" {
  source = "../../layers/rotation"

  region          = var.region
  package         = var.package
  revision        = var.revision
  architecture    = var.architecture
  paused          = var.paused
  schedules       = var.schedules
  mail            = var.mail
  accounts        = var.accounts
  boundary        = var.boundary
  mail_identity   = "domain"
  test_recipients = var.test_recipients
  alarm_emails    = var.alarm_emails
  github          = var.github
}
