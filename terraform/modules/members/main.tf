# In each account of an organisation: the role that the function assumes there, laid by CloudFormation. It may touch the users
# of its own account alone, as far as the manifests name them, and never more than the boundary says.

resource "aws_cloudformation_stack_set" "this" {
  # checkov:skip=CKV_AWS_124:its operations are seen in CloudFormation, and keyrota reports an account that it can't enter.
  name             = var.name
  description      = "The role with which keyrota rotates access keys"
  permission_model = "SERVICE_MANAGED"
  call_as          = var.call_as
  capabilities     = ["CAPABILITY_NAMED_IAM"]
  template_body    = local.template

  # Accounts that join a unit get the role, and those that leave it lose it.
  auto_deployment {
    enabled                          = true
    retain_stacks_on_account_removal = false
  }

  operation_preferences {
    failure_tolerance_percentage = 100
    max_concurrent_percentage    = 100
    region_concurrency_type      = "PARALLEL"
  }

  managed_execution {
    active = true
  }

  lifecycle {
    # What CloudFormation manages by itself.
    ignore_changes = [administration_role_arn]

    precondition {
      condition     = length(local.execution) <= 10240
      error_message = "The policy of the role would have ${length(local.execution)} characters; IAM allows 10,240. Let fewer rules name more users: by globs, by a path or by tags."
    }
    precondition {
      condition     = length(local.template) <= 51200
      error_message = "The template would have ${length(local.template)} characters; CloudFormation allows 51,200."
    }
  }
}

resource "aws_cloudformation_stack_set_instance" "this" {
  stack_set_name            = aws_cloudformation_stack_set.this.name
  call_as                   = var.call_as
  stack_set_instance_region = var.region

  # IAM is the same in every region: one is enough.
  deployment_targets {
    organizational_unit_ids = var.units
  }
}

module "access" {
  source = "../access"

  access        = var.organization.access
  account_id    = local.account
  partition     = var.partition
  dns_suffix    = var.dns_suffix
  region        = coalesce(var.organization.region, var.region)
  read_in_bulk  = var.read_in_bulk
  check_aliases = false
}

locals {
  # CloudFormation fills it in, in each account.
  account = "$${AWS::AccountId}"

  name = element(split("/", var.organization.role), -1)
  path = try(regex("^(.+/)[^/]+$", "/${var.organization.role}")[0], "/")

  execution = module.access.execution
  boundary = jsondecode(templatefile("${path.module}/../boundary/boundary.json.tftpl", {
    users      = [for user in var.boundary.users : startswith(user, "/") ? "arn:${var.partition}:iam::${local.account}:user${user}*" : user]
    secrets    = [for secret in var.boundary.secrets : "arn:${var.partition}:secretsmanager:*:${local.account}:secret:${secret}-??????"]
    readable   = [for secret in var.boundary.readable : "arn:${var.partition}:secretsmanager:*:${local.account}:secret:${secret}-??????"]
    parameters = [for parameter in var.boundary.parameters : "arn:${var.partition}:ssm:*:${local.account}:parameter/${trimprefix(parameter, "/")}"]
    via        = [for service in concat(["secretsmanager"], length(var.boundary.parameters) == 0 ? [] : ["ssm"]) : "${service}.*.${var.dns_suffix}"]
    # Messages and events leave from the account of the function.
    event_buses = []
    topics      = []
    webhooks    = []
    roles       = []
    logs        = []
    queues      = []
    evidence    = []
    parts       = []
    shared      = []
    found       = []
  }))
  # Mail leaves from there as well.
  bounded = jsonencode({
    Version   = "2012-10-17"
    Statement = [for statement in local.boundary.Statement : statement if length(statement.Resource) > 0 && statement.Sid != "SendMail"]
  })

  trust = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = var.execution_role_arn }
      Condition = { StringEquals = { "sts:ExternalId" = var.organization.external_id } }
    }]
  }

  template = templatefile("${path.module}/stack-set.json.tftpl", {
    name     = local.name
    path     = local.path
    trust    = jsonencode(local.trust)
    boundary = replace(local.bounded, local.filled_in, "{\"Fn::Sub\":$1}")
    policy   = replace(local.execution, local.filled_in, "{\"Fn::Sub\":$1}")
  })

  # A text that holds the account's id. Nothing else of a policy has `$${`.
  filled_in = "/(\"[^\"]*\\$\\{AWS::AccountId\\}[^\"]*\")/"
}
