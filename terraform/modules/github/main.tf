# Two roles for GitHub Actions: pull requests plan and can change nothing; the protected environment ships.

resource "aws_iam_openid_connect_provider" "this" {
  count = var.oidc_provider_arn == null ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "plan" {
  name                 = "${var.name}-plan"
  description          = "keyrota plan in pull requests; may read only"
  max_session_duration = 3600
  assume_role_policy   = local.trust.plan
}

resource "aws_iam_role_policy" "plan" {
  for_each = var.plan_policies

  name   = each.key
  role   = aws_iam_role.plan.id
  policy = each.value
}

resource "aws_iam_role" "deploy" {
  name                 = "${var.name}-deploy"
  description          = "Ships manifests and releases of ${var.name}; can't create or remove the stack"
  max_session_duration = 3600
  assume_role_policy   = local.trust.deploy
}

resource "aws_iam_role_policy" "deploy" {
  name   = "deploy"
  role   = aws_iam_role.deploy.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [for one in local.deploy : one if length(one.Resource) > 0] })

  lifecycle {
    precondition {
      condition     = !contains(var.deploy_subjects, "pull_request")
      error_message = "Pull requests must not deploy: anyone who may open one could."
    }
  }
}

locals {
  issuer       = "token.actions.githubusercontent.com"
  provider_arn = coalesce(var.oidc_provider_arn, one(aws_iam_openid_connect_provider.this[*].arn))

  # Repositories that were created or renamed since July 2026 have their ids in the subject. No wildcards: `repo:acme*`
  # would trust every organisation whose name begins so.
  prefixes = concat(
    ["repo:${var.repository}:"],
    var.repository_ids == null ? [] : [
      "repo:${split("/", var.repository)[0]}@${var.repository_ids.owner}/${split("/", var.repository)[1]}@${var.repository_ids.repository}:"
    ],
  )

  trust = {
    for role, subjects in { plan = var.plan_subjects, deploy = var.deploy_subjects } : role => jsonencode({
      Version = "2012-10-17"
      Statement = [{
        Effect    = "Allow"
        Action    = "sts:AssumeRoleWithWebIdentity"
        Principal = { Federated = local.provider_arn }
        Condition = {
          StringEquals = {
            "${local.issuer}:aud" = "sts.amazonaws.com"
            "${local.issuer}:sub" = flatten([for prefix in local.prefixes : [for subject in subjects : "${prefix}${subject}"]])
          }
        }
      }]
    })
  }

  here = "${var.region}:${var.account_id}"
  # What a `terraform apply` of new manifests reads and changes.
  deploy = concat(local.roles, [
    {
      Sid      = "ReadState"
      Effect   = "Allow"
      Action   = ["s3:ListBucket"]
      Resource = var.state == null ? [] : ["arn:${var.partition}:s3:::${var.state.bucket}"]
    },
    {
      Sid      = "WriteState"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = var.state == null ? [] : ["arn:${var.partition}:s3:::${var.state.bucket}/${var.state.key}"]
    },
    {
      Sid      = "LockState"
      Effect   = "Allow"
      Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      Resource = var.state == null ? [] : ["arn:${var.partition}:s3:::${var.state.bucket}/${var.state.key}.tflock"]
    },
    {
      Sid    = "ShipFunction"
      Effect = "Allow"
      Action = [
        "lambda:GetFunction",
        "lambda:GetFunctionCodeSigningConfig",
        "lambda:GetFunctionConcurrency",
        "lambda:GetFunctionConfiguration",
        "lambda:GetFunctionEventInvokeConfig",
        "lambda:GetRuntimeManagementConfig",
        "lambda:ListTags",
        "lambda:ListVersionsByFunction",
        "lambda:PutFunctionConcurrency",
        "lambda:PutFunctionEventInvokeConfig",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
        "lambda:UpdateFunctionEventInvokeConfig",
      ]
      Resource = ["arn:${var.partition}:lambda:${local.here}:function:${var.name}"]
    },
    {
      Sid    = "ShipSchedules"
      Effect = "Allow"
      Action = ["scheduler:GetSchedule", "scheduler:GetScheduleGroup", "scheduler:ListTagsForResource", "scheduler:UpdateSchedule"]
      Resource = [
        "arn:${var.partition}:scheduler:${local.here}:schedule/${var.name}/*",
        "arn:${var.partition}:scheduler:${local.here}:schedule-group/${var.name}",
      ]
    },
    {
      Sid    = "ReadRoles"
      Effect = "Allow"
      Action = [
        "iam:GetOpenIDConnectProvider",
        "iam:GetPolicy",
        "iam:GetPolicyVersion",
        "iam:GetRole",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:ListPolicyVersions",
        "iam:ListRolePolicies",
      ]
      Resource = [
        local.provider_arn,
        "arn:${var.partition}:iam::${var.account_id}:policy/${var.name}-*",
        "arn:${var.partition}:iam::${var.account_id}:role/${var.name}",
        "arn:${var.partition}:iam::${var.account_id}:role/${var.name}-*",
      ]
    },
    {
      Sid    = "ReadTheRest"
      Effect = "Allow"
      Action = [
        "cloudwatch:ListTagsForResource",
        "logs:ListTagsForResource",
        "ses:GetEmailIdentity",
        "ses:ListTagsForResource",
        "sns:GetSubscriptionAttributes",
        "sns:GetTopicAttributes",
        "sns:ListTagsForResource",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ListQueueTags",
      ]
      Resource = [
        "arn:${var.partition}:cloudwatch:${local.here}:alarm:${var.name}-*",
        "arn:${var.partition}:logs:${local.here}:log-group:/aws/lambda/${var.name}",
        "arn:${var.partition}:logs:${local.here}:log-group:/aws/lambda/${var.name}:*",
        "arn:${var.partition}:ses:*:${var.account_id}:identity/*",
        "arn:${var.partition}:sns:${local.here}:${var.name}-*",
        "arn:${var.partition}:sqs:${local.here}:${var.name}-*",
      ]
    },
    {
      # These can't be limited to a resource, or are lists.
      Sid      = "List"
      Effect   = "Allow"
      Action   = ["cloudwatch:DescribeAlarms", "kms:ListAliases", "logs:DescribeLogGroups"]
      Resource = ["*"]
    },
    {
      Sid      = "ReadKey"
      Effect   = "Allow"
      Action   = ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListResourceTags"]
      Resource = [var.kms_key_arn]
    },
    {
      Sid       = "EncryptEnvironment"
      Effect    = "Allow"
      Action    = ["kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
      Resource  = [var.kms_key_arn]
      Condition = { StringEquals = { "kms:ViaService" = ["lambda.${var.region}.amazonaws.com", "scheduler.${var.region}.amazonaws.com"] } }
    },
    {
      Sid      = "ShipToOtherAccounts"
      Effect   = "Allow"
      Action   = ["sts:AssumeRole"]
      Resource = var.deploy_role_arns
    },
  ])

  # In a file, so that keyrota's own tests read the same one and try to get around it in an emulator.
  roles = jsondecode(templatefile("${path.module}/roles.json.tftpl", {
    execution_role = [var.execution_role_arn]
    passed_roles   = [var.execution_role_arn, var.schedule_role_arn]
    boundary       = var.boundary_arn
    boundaries     = [var.boundary_arn]
  })).Statement
}
