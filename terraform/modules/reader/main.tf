# Attach it to the users whose secrets are called so, or to a group of them: each reads the secret that bears its own name
# and is tagged as its own. The tag matters: with other rules, the same name may be another user's secret.
#
# It names nothing that a change of the manifests could change but the template: whoever ships manifests makes policies for
# new templates, and needs no right to rewrite one that users have. So it covers replicas in every region, and whichever
# KMS key encrypts the secret: the key may be used for what Secrets Manager decrypts of the user's own secret only.
#
# The statements are a JSON file, so that keyrota's own tests read the same one and try it in an emulator.
resource "aws_iam_policy" "this" {
  name        = "${var.name}-reader-${local.slug}-${substr(sha1(var.template), 0, 6)}"
  description = "Lets an IAM user read its own access key from Secrets Manager"

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.statements
  })

  lifecycle {
    precondition {
      condition     = length(jsonencode(local.statements)) <= 6000
      error_message = "The policy for the secrets `${var.template}` is longer than the 6,144 characters that IAM allows. Shorten the template."
    }
  }
}

locals {
  # Stable, tells people what it is for, and differs where the template does.
  slug = trim(substr(replace(var.template, "/[^A-Za-z0-9]+/", "-"), 0, 60), "-")

  # `$$` keeps Terraform from filling in what IAM fills in.
  user  = "$${aws:username}"
  users = "arn:${var.partition}:iam::${var.account_id}:user"

  statements = jsondecode(templatefile("${path.module}/statements.json.tftpl", {
    user = local.user
    # As keyrota tags them.
    own = ["${local.users}/${local.user}", "${local.users}/*/${local.user}"]
    # The name's last six characters are Secrets Manager's.
    secrets = [
      "arn:${var.partition}:secretsmanager:*:${var.account_id}:secret:${replace(var.template, "{user}", local.user)}-??????"
    ]
    kms_keys = ["arn:${var.partition}:kms:*:*:key/*"]
    via      = "secretsmanager.*.${var.dns_suffix}"
  })).Statement
}
