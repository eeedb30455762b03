mock_provider "aws" {
  mock_resource "aws_sesv2_email_identity" {
    defaults = { dkim_signing_attributes = [{ tokens = ["aaa", "bbb"] }] }
  }
  mock_data "aws_sesv2_email_identity" {
    defaults = { configuration_set_name = "" }
  }
}

variables {
  name       = "keyrota"
  account_id = "111122223333"
  partition  = "aws"
  region     = "eu-west-1"
  identity   = "example.com"
}

run "verifies_a_domain" {
  assert {
    condition     = aws_sesv2_email_identity.sender[0].email_identity == "example.com" && aws_sesv2_email_identity.sender[0].region == "eu-west-1"
    error_message = "the domain is the identity, where mail leaves from"
  }
  assert {
    condition     = output.arns == ["arn:aws:ses:eu-west-1:111122223333:identity/example.com"]
    error_message = "the policy names the domain"
  }
}

run "verifies_an_address_and_test_recipients" {
  variables {
    identity        = "security@example.com"
    test_recipients = ["ci@example.com"]
  }
  assert {
    condition     = aws_sesv2_email_identity.recipient["ci@example.com"].email_identity == "ci@example.com"
    error_message = "recipients are verified for the SES sandbox"
  }
  assert {
    condition = output.arns == [
      "arn:aws:ses:eu-west-1:111122223333:identity/security@example.com",
      "arn:aws:ses:eu-west-1:111122223333:identity/ci@example.com",
    ]
    error_message = "the policy names both"
  }
  assert {
    condition     = output.dkim_records == {}
    error_message = "an address has no DNS records"
  }
}

run "leaves_an_existing_identity_alone" {
  variables {
    create = false
  }
  assert {
    condition     = length(aws_sesv2_email_identity.sender) == 0 && length(output.arns) == 1
    error_message = "it is named and not created"
  }
}

run "names_the_configuration_set_that_is_attached_to_the_identity" {
  variables {
    create            = false
    configuration_set = "keyrota"
  }
  override_data {
    target = data.aws_sesv2_email_identity.existing[0]
    values = { configuration_set_name = "default" }
  }
  assert {
    condition = output.arns == [
      "arn:aws:ses:eu-west-1:111122223333:identity/example.com",
      "arn:aws:ses:eu-west-1:111122223333:configuration-set/keyrota",
      "arn:aws:ses:eu-west-1:111122223333:configuration-set/default",
    ]
    error_message = "without it, all mail is denied"
  }
}

run "knows_the_dkim_domain_of_each_region" {
  variables {
    region = "eu-south-1"
  }
  assert {
    condition     = alltrue([for target in values(output.dkim_records) : endswith(target, ".dkim.eu-south-1.amazonses.com")])
    error_message = "Milan has its own"
  }
}

run "sends_with_a_configuration_set_for_another_accounts_identity" {
  variables {
    from_arn          = "arn:aws:ses:eu-west-1:444455556666:identity/example.com"
    configuration_set = "keyrota"
  }
  assert {
    condition     = length(aws_sesv2_email_identity.sender) == 0
    error_message = "the identity is the other account's"
  }
  assert {
    condition = output.arns == [
      "arn:aws:ses:eu-west-1:444455556666:identity/example.com",
      "arn:aws:ses:eu-west-1:111122223333:configuration-set/keyrota",
    ]
    error_message = "the policy names both"
  }
}

run "refuses_what_is_no_identity" {
  command = plan
  variables {
    identity = "Security <security@example.com>"
  }
  expect_failures = [var.identity]
}
