# What is not in the manifests. Everything here is an example.
environment     = "test"
owner           = "security"
tags            = { cost-center = "4711" }
region          = "eu-west-1"
mail_identity   = "domain"
package         = "../../../package/keyrota.zip"
alarm_emails    = ["security@example.com"]
test_recipients = ["payments-oncall@example.com"]

github = {
  repository     = "example/access-keys"
  repository_ids = { owner = 1234567, repository = 890123456 }
  state          = { bucket = "example-terraform-state", key = "keyrota/test.tfstate" }
}

# What keyrota could ever reach, whatever the manifests say. Whoever ships manifests can't change it.
boundary = {
  roles = ["arn:aws:iam::111122223333:role/keyrota", "arn:aws:iam::444455556666:role/keyrota"]
}

boundary_users = {
  payments-prod = ["arn:aws:iam::111122223333:user/ci-*", "arn:aws:iam::111122223333:user/svc-*", "arn:aws:iam::111122223333:user/platform-*"]
  payments-test = ["/robots/", "arn:aws:iam::444455556666:user/ci-*", "arn:aws:iam::444455556666:user/svc-*", "arn:aws:iam::444455556666:user/platform-*"]
}
