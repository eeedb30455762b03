# Two roles for GitHub Actions: pull requests plan and can change nothing; the protected environment ships.

resource "aws_iam_openid_connect_provider" "this" {
  count = var.oidc_provider_arn == null ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = [local.audience]
}

resource "aws_iam_role" "plan" {
  name                 = "${var.name}-plan"
  description          = "keyrota plan in pull requests; may read only"
  max_session_duration = 3600
  assume_role_policy   = local.trust.plan

  depends_on = [aws_iam_openid_connect_provider.this]
}

resource "aws_iam_role_policy" "plan" {
  for_each = var.plan_policies

  name   = each.key
  role   = aws_iam_role.plan.name
  policy = each.value
}

resource "aws_iam_role" "deploy" {
  name                 = "${var.name}-deploy"
  description          = "Ships manifests and releases of ${var.name}; can't create or remove the stack"
  max_session_duration = 3600
  assume_role_policy   = local.trust.deploy

  depends_on = [aws_iam_openid_connect_provider.this]
}

resource "aws_iam_role_policy" "deploy" {
  name   = "deploy"
  role   = aws_iam_role.deploy.name
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
  audience     = "sts.${var.dns_suffix}"
  provider_arn = coalesce(var.oidc_provider_arn, "arn:${var.partition}:iam::${var.account_id}:oidc-provider/${local.issuer}")

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
            "${local.issuer}:aud" = local.audience
            "${local.issuer}:sub" = flatten([for prefix in local.prefixes : [for subject in subjects : "${prefix}${subject}"]])
          }
        }
      }]
    })
  }

  here = "${var.region}:${var.account_id}"
  # What a `terraform apply` of new manifests reads and changes.
  deploy = concat(module.deploy.statements, [
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
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
      ]
      Resource = ["arn:${var.partition}:lambda:${local.here}:function:${var.name}"]
    },
    {
      Sid      = "ShipSchedules"
      Effect   = "Allow"
      Action   = ["scheduler:GetSchedule", "scheduler:UpdateSchedule"]
      Resource = ["arn:${var.partition}:scheduler:${local.here}:schedule/${var.name}/*"]
    },
    {
      Sid      = "ReadSchedules"
      Effect   = "Allow"
      Action   = ["scheduler:GetScheduleGroup", "scheduler:ListTagsForResource"]
      Resource = ["arn:${var.partition}:scheduler:${local.here}:schedule-group/${var.name}"]
    },
    {
      # How long there may be no run follows from the schedules.
      Sid      = "ShipAlarms"
      Effect   = "Allow"
      Action   = ["cloudwatch:PutMetricAlarm"]
      Resource = ["arn:${var.partition}:cloudwatch:${local.here}:alarm:${var.name}-no-run"]
    },
    {
      # Another sender is another identity. The tag keeps those of others out of reach.
      Sid       = "MakeSenders"
      Effect    = "Allow"
      Action    = ["ses:CreateEmailIdentity"]
      Resource  = ["arn:${var.partition}:ses:*:${var.account_id}:identity/*"]
      Condition = { StringEquals = { "aws:RequestTag/stack" = var.name } }
    },
    {
      Sid       = "RemoveSenders"
      Effect    = "Allow"
      Action    = ["ses:DeleteEmailIdentity"]
      Resource  = ["arn:${var.partition}:ses:*:${var.account_id}:identity/*"]
      Condition = { StringEquals = { "aws:ResourceTag/stack" = var.name } }
    },
    {
      Sid      = "ReadProvider"
      Effect   = "Allow"
      Action   = ["iam:GetOpenIDConnectProvider"]
      Resource = [local.provider_arn]
    },
    {
      Sid      = "ReadAlarms"
      Effect   = "Allow"
      Action   = ["cloudwatch:ListTagsForResource"]
      Resource = ["arn:${var.partition}:cloudwatch:${local.here}:alarm:${var.name}-*"]
    },
    {
      Sid      = "ReadLog"
      Effect   = "Allow"
      Action   = ["logs:ListTagsForResource"]
      Resource = [local.log_group, "${local.log_group}:*"]
    },
    {
      Sid      = "ReadSenders"
      Effect   = "Allow"
      Action   = ["ses:GetEmailIdentity", "ses:ListTagsForResource"]
      Resource = ["arn:${var.partition}:ses:*:${var.account_id}:identity/*"]
    },
    {
      Sid      = "ReadTopic"
      Effect   = "Allow"
      Action   = ["sns:GetSubscriptionAttributes", "sns:GetTopicAttributes", "sns:ListTagsForResource"]
      Resource = ["arn:${var.partition}:sns:${local.here}:${var.name}-*"]
    },
    {
      # What Terraform compares of a bucket.
      Sid    = "ReadEvidenceBuckets"
      Effect = "Allow"
      Action = [
        "s3:GetAccelerateConfiguration",
        "s3:GetBucketAcl",
        "s3:GetBucketCORS",
        "s3:GetBucketLogging",
        "s3:GetBucketObjectLockConfiguration",
        "s3:GetBucketOwnershipControls",
        "s3:GetBucketPolicy",
        "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketRequestPayment",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetBucketWebsite",
        "s3:GetEncryptionConfiguration",
        "s3:GetLifecycleConfiguration",
        "s3:GetReplicationConfiguration",
        "s3:ListBucket",
      ]
      Resource = var.evidence_arns
    },
    {
      Sid      = "ReadStateMachines"
      Effect   = "Allow"
      Action   = ["states:DescribeStateMachine", "states:ListStateMachineVersions", "states:ListTagsForResource"]
      Resource = ["arn:${var.partition}:states:${local.here}:stateMachine:${var.name}*"]
    },
    {
      Sid      = "ReadQueues"
      Effect   = "Allow"
      Action   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags"]
      Resource = ["arn:${var.partition}:sqs:${local.here}:${var.name}-*"]
    },
    {
      # Lists.
      Sid      = "List"
      Effect   = "Allow"
      Action   = ["cloudwatch:DescribeAlarms", "logs:DescribeLogGroups"]
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
      Condition = { StringEquals = { "kms:ViaService" = ["lambda.${var.region}.${var.dns_suffix}", "scheduler.${var.region}.${var.dns_suffix}"] } }
    },
    {
      Sid      = "ShipToOtherAccounts"
      Effect   = "Allow"
      Action   = ["sts:AssumeRole"]
      Resource = var.deploy_role_arns
    },
  ])

  log_group = "arn:${var.partition}:logs:${local.here}:log-group:/aws/lambda/${var.name}"
}

module "deploy" {
  source = "../deploy"

  name               = var.name
  account_id         = var.account_id
  partition          = var.partition
  execution_role_arn = var.execution_role_arn
  passed_role_arns   = [var.execution_role_arn, var.schedule_role_arn]
  boundary_arn       = var.boundary_arn
}
