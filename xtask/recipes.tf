# What the recipes of docs/recipes.md name and leave to the reader: `cargo xtask check-terraform` validates them with it.

terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
  }
}

resource "aws_iam_role" "events" {
  name               = "events"
  assume_role_policy = jsonencode({})
}

resource "aws_iam_role" "restart" {
  name               = "restart"
  assume_role_policy = jsonencode({})
}

resource "aws_cloudwatch_event_connection" "chat" {
  name               = "chat"
  authorization_type = "API_KEY"
  auth_parameters {
    api_key {
      key   = "x"
      value = "y"
    }
  }
}

resource "aws_cloudwatch_event_api_destination" "chat" {
  name                = "chat"
  invocation_endpoint = "https://chat.example.com/hook"
  http_method         = "POST"
  connection_arn      = aws_cloudwatch_event_connection.chat.arn
}
