# What a role may do to roles and policies that ships manifests: exactly what a change of manifests changes, and nothing
# that would make it, or what it writes, more than a person has allowed. The stack's deploy role has these statements, and
# so has the one of each other account.
#
# The statements are a JSON file, so that keyrota's own tests read the same one and try to get around it in an emulator.
#
# This module makes no resources.

locals {
  iam = "arn:${var.partition}:iam::${var.account_id}"

  statements = jsondecode(templatefile("${path.module}/statements.json.tftpl", {
    boundary        = var.boundary_arn
    execution_role  = [var.execution_role_arn]
    kms_keys        = ["arn:${var.partition}:kms:*:${var.account_id}:key/*"]
    passed_roles    = var.passed_role_arns
    read_policies   = ["${local.iam}:policy/${var.name}-*"]
    read_roles      = [var.execution_role_arn, "${var.execution_role_arn}-*"]
    reader_policies = ["${local.iam}:policy/${var.name}-reader-*"]
  })).Statement
}
