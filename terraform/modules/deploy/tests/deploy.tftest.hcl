variables {
  name               = "keyrota"
  account_id         = "111122223333"
  partition          = "aws"
  execution_role_arn = "arn:aws:iam::111122223333:role/keyrota"
  boundary_arn       = "arn:aws:iam::111122223333:policy/keyrota-boundary"
}

run "writes_what_follows_the_manifests" {
  assert {
    condition = { for one in output.statements : one.Sid => one.Resource if one.Effect == "Allow" && !can(regex("^(Read|Find|Describe)", one.Sid)) } == {
      WritePolicies      = ["arn:aws:iam::111122223333:role/keyrota"]
      MakeReaderPolicies = ["arn:aws:iam::111122223333:policy/keyrota-reader-*"]
    }
    error_message = "the policies of the execution role, and those of readers"
  }
  assert {
    condition = [for one in output.statements : one.Condition if one.Sid == "WritePolicies"] == [
      { StringEquals = { "iam:PermissionsBoundary" = "arn:aws:iam::111122223333:policy/keyrota-boundary" } }
    ]
    error_message = "within the boundary"
  }
  assert {
    condition = toset(flatten([for one in output.statements : one.Action if one.Effect == "Deny" && contains(one.Resource, "*")])) == toset([
      "iam:AddUserToGroup", "iam:AttachGroupPolicy", "iam:AttachRolePolicy", "iam:AttachUserPolicy", "iam:CreateAccessKey",
      "iam:CreateLoginProfile", "iam:CreatePolicyVersion", "iam:CreateRole", "iam:CreateUser", "iam:DeletePolicyVersion",
      "iam:DeleteRolePermissionsBoundary", "iam:PutGroupPolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy", "iam:PutUserPolicy",
      "iam:SetDefaultPolicyVersion", "iam:UpdateAccessKey", "iam:UpdateLoginProfile",
    ])
    error_message = "whatever else is granted to it"
  }
  assert {
    condition = [for one in output.statements : one.Resource if one.Effect == "Deny" && contains(one.Action, "iam:DeletePolicy")] == [
      ["arn:aws:iam::111122223333:policy/keyrota-boundary"]
    ]
    error_message = "the boundary stays"
  }
}

run "hands_on_the_roles_that_are_named" {
  variables {
    passed_role_arns = ["arn:aws:iam::111122223333:role/keyrota"]
  }
  assert {
    condition     = [for one in output.statements : one.Resource if contains(one.Action, "iam:PassRole")] == [["arn:aws:iam::111122223333:role/keyrota"]]
    error_message = "and no others"
  }
}
