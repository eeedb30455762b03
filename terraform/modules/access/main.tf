# The statements are JSON files, so that keyrota's own tests read the same ones: they compare the actions with the calls
# that the code makes, and run a rotation under them.
#
# This module makes no resources.

# An alias that does not exist is found when planning, and named. The policies name it all the same and not its key: so
# they follow when the alias is given to another key.
data "aws_kms_alias" "named" {
  for_each = toset([for alias in local.access.kms_aliases : alias if var.check_aliases && !startswith(alias, "arn:")])

  name   = each.key
  region = var.region
}

locals {
  # What the manifests can't know is a token in their export. No name in AWS holds a brace.
  access = jsondecode(
    replace(replace(replace(jsonencode(var.access), "{partition}", var.partition), "{account}", var.account_id), "{region}", var.region)
  )

  # `index` keeps the Sids apart.
  grants = [for index, grant in local.access.grants : {
    index = index
    users = grant.users
    tags  = length(grant.tags) == 0 ? {} : { StringLike = { for key, values in grant.tags : "iam:ResourceTag/${key}" => values } }
  }]

  # Whoever plans a pull request must see the users that it adds, before any policy names them: the plan role reads the
  # whole account, whatever the manifests say. It reads no secret's value.
  everyone    = ["arn:${var.partition}:iam::${var.account_id}:user/*"]
  all_secrets = ["arn:${var.partition}:secretsmanager:*:${var.account_id}:secret:*"]

  # Of parameters a plan reads when they were written, and their tags.
  all_parameters = ["arn:${var.partition}:ssm:*:${var.account_id}:parameter/*"]

  all_kms_keys = ["arn:${var.partition}:kms:*:${var.account_id}:key/*"]

  # IAM knows an alias as a property of its key, which is in the alias's account and region.
  kms_aliases = distinct([for alias in local.access.kms_aliases : regex("alias/.*$", alias)])
  kms_keys_by_alias = distinct(flatten([for alias in local.access.kms_aliases :
    startswith(alias, "arn:") ? [replace(alias, "/:alias/.*$/", ":key/*")] : local.all_kms_keys
  ]))

  # As `keyrota:user` names them: tags can't hold a comma.
  owners = sort(distinct([for user in flatten(local.access.grants[*].users) : replace(user, ",", "_")]))

  plan = concat(
    jsondecode(templatefile("${path.module}/statements/plan.json.tftpl", {
      in_bulk          = var.read_in_bulk ? ["*"] : []
      one_by_one       = var.read_in_bulk ? [] : ["*"]
      users_one_by_one = var.read_in_bulk ? [] : local.everyone
      secrets          = local.all_secrets
    })).Statement,
    jsondecode(templatefile("${path.module}/statements/plan-users.json.tftpl", { index = 0, users = local.everyone, tags = {} })).Statement,
    jsondecode(templatefile("${path.module}/statements/deliver-plan.json.tftpl", {
      anywhere   = ["*"]
      parameters = local.all_parameters
    })).Statement,
  )

  read = concat(
    jsondecode(templatefile("${path.module}/statements/plan.json.tftpl", {
      in_bulk          = var.read_in_bulk ? ["*"] : []
      one_by_one       = var.read_in_bulk ? [] : ["*"]
      users_one_by_one = var.read_in_bulk ? [] : sort(distinct(flatten(local.access.grants[*].users)))
      secrets          = local.access.secrets
    })).Statement,
    flatten([for grant in local.grants :
      jsondecode(templatefile("${path.module}/statements/plan-users.json.tftpl", grant)).Statement
    ]),
  )

  # Nothing of it without `deliver`; credentials are read of those users alone that have it.
  deliver = concat(
    jsondecode(templatefile("${path.module}/statements/deliver-plan.json.tftpl", {
      # IAM can't scope a list.
      anywhere   = length(local.access.parameters) == 0 ? [] : ["*"]
      parameters = local.access.parameters
    })).Statement,
    jsondecode(templatefile("${path.module}/statements/deliver.json.tftpl", {
      parameters = local.access.parameters
      delivered  = local.access.delivered
      # Of the standard tier.
      kms_keys          = length(local.access.parameters) == 0 ? [] : local.access.kms_keys
      kms_aliases       = local.kms_aliases
      kms_keys_by_alias = length(local.access.parameters) == 0 ? [] : local.kms_keys_by_alias
      via               = "ssm.*.${var.dns_suffix}"
    })).Statement,
  )

  write = concat(
    jsondecode(templatefile("${path.module}/statements/write.json.tftpl", {
      never             = local.access.never
      secrets           = local.access.secrets
      replicated        = local.access.replicated
      replica_regions   = local.access.replica_regions
      tag_keys          = local.tag_keys
      kms_keys          = local.access.kms_keys
      kms_aliases       = local.kms_aliases
      kms_keys_by_alias = local.kms_keys_by_alias
      via               = "secretsmanager.*.${var.dns_suffix}"
      # A secret that gets another KMS key is encrypted anew, from whatever key it has.
      former_kms_keys = length(concat(local.access.kms_keys, local.access.kms_aliases)) == 0 ? [] : local.all_kms_keys
      # A rotation ends at the secret where it began, even if the manifests name another by now: it bears the user's name.
      former_secrets = length(local.owners) == 0 ? [] : local.all_secrets
      owners         = local.owners
    })).Statement,
    flatten([for grant in local.grants :
      jsondecode(templatefile("${path.module}/statements/write-users.json.tftpl", grant)).Statement
    ]),
  )

  # The tags that keyrota keeps on the secrets, and no others.
  tag_keys = [
    "Owner",
    "keyrota:announced",
    "keyrota:deactivated",
    "keyrota:deactivating",
    "keyrota:delivered",
    "keyrota:delivered-at",
    "keyrota:intent",
    "keyrota:kms-key",
    "keyrota:next",
    "keyrota:notified",
    "keyrota:notified-at",
    "keyrota:place-1",
    "keyrota:place-10",
    "keyrota:place-11",
    "keyrota:place-12",
    "keyrota:place-2",
    "keyrota:place-3",
    "keyrota:place-4",
    "keyrota:place-5",
    "keyrota:place-6",
    "keyrota:place-7",
    "keyrota:place-8",
    "keyrota:place-9",
    "keyrota:queue",
    "keyrota:reminded",
    "keyrota:undelivered",
    "keyrota:unread",
    "keyrota:unused",
    "keyrota:user",
  ]

  # A statement without resources says nothing, and IAM refuses it; so with an empty condition.
  documents = {
    for name, statements in { plan = local.plan, execution = concat(local.read, local.write, local.deliver) } : name => jsonencode({
      Version = "2012-10-17"
      Statement = [
        for statement in statements : {
          for key, value in statement : key => value if !(key == "Condition" && try(length(keys(value)) == 0, false))
        } if length(statement.Resource) > 0
      ]
    })
  }
}
