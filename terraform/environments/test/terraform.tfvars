# What is not in the manifests. Everything here is an example.
region          = "eu-west-1"
package         = "../../../target/packages/aarch64-unknown-linux-gnu/keyrota.zip"
alarm_emails    = ["security@example.com"]
test_recipients = ["payments-oncall@example.com"]

github = {
  repository     = "example/access-keys"
  repository_ids = { owner = 1234567, repository = 890123456 }
  state          = { bucket = "example-terraform-state", key = "keyrota/test.tfstate" }
}
