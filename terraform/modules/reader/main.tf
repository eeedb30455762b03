# Attach it to the users, or to a group of them: each reads the secret that bears its own name, and no one else's.
resource "aws_iam_policy" "this" {
  name        = "${var.name}-reader"
  description = "Lets an IAM user read its own access key from Secrets Manager"

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid    = "ReadOwnSecret"
        Effect = "Allow"
        Action = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
        # `$$` keeps Terraform from filling in what IAM fills in. The name's last six characters are Secrets Manager's.
        Resource = [for template in var.templates :
          "arn:${var.partition}:secretsmanager:${var.region}:${var.account_id}:secret:${replace(template, "{user}", "$${aws:username}")}-??????"
        ]
      }],
      length(var.kms_key_arns) == 0 ? [] : [{
        Sid       = "DecryptOwnSecret"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = var.kms_key_arns
        Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${var.region}.amazonaws.com" } }
      }],
    )
  })
}
