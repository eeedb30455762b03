# The most that a role of keyrota could ever do. It names what a person sets and nothing of the manifests: whoever ships
# manifests writes the role's policies, and can't reach beyond this.
#
# The document is a JSON file, so that keyrota's own tests read the same one and try to get around it in an emulator.

resource "aws_iam_policy" "this" {
  # checkov:skip=CKV_AWS_289:a boundary grants nothing; what could be escalated with names users and roles.
  # checkov:skip=CKV_AWS_355:a boundary grants nothing; what could be escalated with names users and roles.
  # checkov:skip=CKV_AWS_286:a boundary grants nothing; what could be escalated with names users and roles.
  # checkov:skip=CKV_AWS_287:a boundary grants nothing; what could be escalated with names users and roles.
  # checkov:skip=CKV_AWS_288:a boundary grants nothing; what could be escalated with names users and roles.
  # checkov:skip=CKV_AWS_290:a boundary grants nothing; what could be escalated with names users and roles.
  name        = "${var.name}-boundary"
  description = "The most that the role ${var.name} could ever do"
  policy      = local.policy

  lifecycle {
    precondition {
      condition     = length(local.policy) <= 6144
      error_message = "The boundary is longer than the 6,144 characters that IAM allows. Name users by paths, or by fewer ARNs."
    }
  }
}

locals {
  document = jsondecode(templatefile("${path.module}/boundary.json.tftpl", {
    # A path stands for all users below it.
    users = [for user in var.users :
      startswith(user, "/") ? "arn:${var.partition}:iam::${var.account_id}:user${user}*" : user
    ]
    secrets = [for secret in var.secrets : "arn:${var.partition}:secretsmanager:*:${var.account_id}:secret:${secret}-??????"]
    event_buses = [for bus in var.event_buses :
      startswith(bus, "arn:") ? bus : "arn:${var.partition}:events:*:${var.account_id}:event-bus/${bus}"
    ]
    topics = [for topic in var.topics :
      startswith(topic, "arn:") ? topic : "arn:${var.partition}:sns:*:${var.account_id}:${topic}"
    ]
    webhooks = [for name in var.webhooks : "arn:${var.partition}:secretsmanager:*:${var.account_id}:secret:${name}-??????"]
    readable = [for secret in var.readable : "arn:${var.partition}:secretsmanager:*:${var.account_id}:secret:${secret}-??????"]
    # A name with levels begins with `/`, which stands in the ARN already.
    parameters = [for parameter in var.parameters : "arn:${var.partition}:ssm:*:${var.account_id}:parameter/${trimprefix(parameter, "/")}"]
    roles      = concat(var.roles, [for role in [var.organization_role] : "arn:${var.partition}:iam::*:role/${role}" if role != null])
    logs       = var.log_group_arns
    queues     = var.queue_arns
    # Objects of the bucket.
    evidence = [for arn in concat(var.evidence_bucket_arns, var.fleet_bucket_arns) : "${arn}/*"]
    # What runs measure is kept with the evidence, and the parts of a run meet in a bucket of their own.
    parts  = concat([for arn in var.evidence_bucket_arns : "${arn}/accounts/*"], [for arn in var.fleet_bucket_arns : "${arn}/*"])
    shared = concat(var.evidence_bucket_arns, var.fleet_bucket_arns)
    # Lists, most of which IAM can't scope.
    found = var.organization_role == null ? [] : ["*"]
    via   = [for service in concat(["lambda", "secretsmanager", "sns", "sqs"], length(var.parameters) == 0 ? [] : ["ssm"], length(concat(var.evidence_bucket_arns, var.fleet_bucket_arns)) == 0 ? [] : ["s3"]) : "${service}.*.${var.dns_suffix}"]
  }))
  # A statement without resources says nothing, and IAM refuses it.
  policy = jsonencode({
    Version   = local.document.Version
    Statement = [for statement in local.document.Statement : statement if length(statement.Resource) > 0]
  })
}
