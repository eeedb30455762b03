# keyrota: the function that rotates, its schedules, alarms and roles. `keyrota export terraform` writes what it must know of
# the manifests into keyrota.auto.tfvars.json, and `keyrota package` makes the package.
terraform {
  required_version = ">= 1.10" # `use_lockfile`
  # TO DECIDE: where the state is kept.
  # backend "s3" { bucket = "…", key = "keyrota.tfstate", region = "{region}", encrypt = true, use_lockfile = true }
}

provider "aws" { region = "{region}" }

variable "accounts" { type = any }
variable "channels" { default = null }
variable "mail" { default = null }
variable "organization" { default = null }
variable "schedules" { default = {} }
variable "package" { default = "../package/keyrota.zip" }
variable "revision" { default = null }
variable "own_secrets" { default = [] }

module "rotation" {
  source = "git::{repository}.git//terraform/layers/rotation?ref=v{version}"

  region       = "{region}"
  package      = abspath(var.package)
  revision     = var.revision
  accounts     = var.accounts
  organization = var.organization # of a thousand accounts: `fleet = true`, see docs/fleet.md
  channels     = var.channels
  own_secrets  = var.own_secrets
  mail         = var.mail
  schedules    = var.schedules

  # TO DECIDE: whose keys could ever be rotated, whatever the manifests say, by path or ARN: no administrators.
  boundary     = { users = {boundary} }
  alarm_emails = [] # TO DECIDE: who hears of alarms.
{github}}

output "rotation" { value = module.rotation }
