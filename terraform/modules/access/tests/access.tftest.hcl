mock_provider "aws" {}

variables {
  account_id = "111122223333"
  region     = "eu-west-1"
  access = {
    grants = [
      { users = ["arn:{partition}:iam::{account}:user/ci-*"], tags = {} },
      { users = ["arn:{partition}:iam::{account}:user/svc-*"], tags = { team = ["payments", "core"] } },
    ]
    never           = ["arn:{partition}:iam::{account}:user/ci-breakglass"]
    secrets         = ["arn:{partition}:secretsmanager:{region}:{account}:secret:/aws/iam/credentials/*-??????"]
    templates       = ["/aws/iam/credentials/{user}"]
    replicated      = []
    replica_regions = []
    kms_keys        = []
    kms_aliases     = []
  }
}

run "fills_in_what_the_manifests_do_not_know" {
  assert {
    condition     = !can(regex("\\{[a-z]+\\}", output.execution))
    error_message = "no token is left"
  }
  assert {
    condition = [for one in jsondecode(output.execution).Statement : one.Resource if one.Sid == "StoreKeys"] == [
      ["arn:aws:secretsmanager:eu-west-1:111122223333:secret:/aws/iam/credentials/*-??????"]
    ]
    error_message = "the account, the partition and the region are named"
  }
}

run "says_only_what_is_needed" {
  assert {
    condition = [for one in jsondecode(output.execution).Statement : one.Sid] == [
      "FindUsers", "ReadAges", "FindSecrets", "ReadSecrets", "ReadKeys0", "ReadKeys1",
      "NeverTouch", "CreateSecrets", "TagSecrets", "StoreKeys", "FinishAtFormerSecrets", "TagFormerSecrets", "RotateKeys0", "RotateKeys1",
    ]
    error_message = "no statement about replicas and keys that the manifests don't name"
  }
  assert {
    condition     = [for one in jsondecode(output.execution).Statement : one.Sid if contains(flatten([one.Resource]), "*")] == ["FindUsers", "ReadAges", "FindSecrets"]
    error_message = "all resources only where IAM can't tell them apart"
  }
  assert {
    condition     = !strcontains(output.execution, "GetSecretValue") && !strcontains(output.plan, "GetSecretValue")
    error_message = "nobody reads secrets"
  }
}

run "plans_without_any_write" {
  assert {
    condition = { for one in jsondecode(output.plan).Statement : one.Sid => one.Resource } == {
      FindUsers   = ["*"]
      ReadAges    = ["*"]
      FindSecrets = ["*"]
      ReadSecrets = ["arn:aws:secretsmanager:*:111122223333:secret:*"]
      ReadKeys0   = ["arn:aws:iam::111122223333:user/*"]
      # When parameters were written, without their values.
      FindParameters    = ["*"]
      ReadParameterTags = ["arn:aws:ssm:*:111122223333:parameter/*"]
    }
    error_message = "the whole account, whatever the manifests say: a pull request may add any user"
  }
  assert {
    condition = alltrue([
      for action in flatten([for one in jsondecode(output.plan).Statement : one.Action]) :
      can(regex(":(Get|List|Describe|GenerateCredentialReport$)", action))
    ])
    error_message = "reads only"
  }
}

run "delivers_what_the_manifests_say" {
  variables {
    access = {
      grants     = [{ users = ["arn:{partition}:iam::{account}:user/ci-*"], tags = {} }]
      never      = [], templates = [], replicated = [], replica_regions = [], kms_aliases = []
      secrets    = ["arn:{partition}:secretsmanager:{region}:{account}:secret:/ci/*-??????", "arn:{partition}:secretsmanager:{region}:{account}:secret:/svc/*-??????"]
      kms_keys   = ["arn:{partition}:kms:{region}:{account}:key/11111111-2222-3333-4444-555555555555"]
      parameters = ["arn:{partition}:ssm:{region}:{account}:parameter/ci/ci-*/aws"]
      delivered  = ["arn:{partition}:secretsmanager:{region}:{account}:secret:/ci/*-??????"]
    }
  }
  assert {
    condition = { for one in jsondecode(output.execution).Statement : one.Sid => one.Resource if contains(
      ["FindParameters", "ReadParameterTags", "WriteParameters", "TagParameters", "EncryptParameters", "EncryptParametersByAlias", "ReadDelivered"], one.Sid
      ) } == {
      FindParameters    = ["*"]
      ReadParameterTags = ["arn:aws:ssm:eu-west-1:111122223333:parameter/ci/ci-*/aws"]
      WriteParameters   = ["arn:aws:ssm:eu-west-1:111122223333:parameter/ci/ci-*/aws"]
      TagParameters     = ["arn:aws:ssm:eu-west-1:111122223333:parameter/ci/ci-*/aws"]
      EncryptParameters = ["arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"]
      ReadDelivered     = ["arn:aws:secretsmanager:eu-west-1:111122223333:secret:/ci/*-??????"]
    }
    error_message = "exactly the named parameters, and the secrets of users that deliver"
  }
  assert {
    condition     = !strcontains(output.plan, "GetSecretValue")
    error_message = "a plan reads no value all the same"
  }
}

run "selects_by_tag" {
  assert {
    condition = [for one in jsondecode(output.execution).Statement : one.Condition if one.Sid == "RotateKeys1"] == [
      { StringLike = { "iam:ResourceTag/team" = ["payments", "core"] } }
    ]
    error_message = "a rule's tags are a condition"
  }
  assert {
    condition     = length([for one in jsondecode(output.execution).Statement : one if one.Sid == "RotateKeys0" && can(one.Condition)]) == 0
    error_message = "a rule without tags has none"
  }
}

run "reads_users_one_by_one" {
  variables {
    read_in_bulk = false
  }
  assert {
    condition     = !strcontains(output.plan, "GetAccountAuthorizationDetails") && strcontains(output.plan, "iam:ListUsers")
    error_message = "the account's policies stay unread"
  }
  assert {
    condition = [for one in jsondecode(output.execution).Statement : one.Resource if one.Sid == "ReadUsersOneByOne"] == [
      ["arn:aws:iam::111122223333:user/ci-*", "arn:aws:iam::111122223333:user/svc-*"]
    ]
    error_message = "tags and groups of named users"
  }
  assert {
    condition = [for one in jsondecode(output.plan).Statement : one.Resource if one.Sid == "ReadUsersOneByOne"] == [
      ["arn:aws:iam::111122223333:user/*"]
    ]
    error_message = "a plan may be about any user"
  }
}

run "replicates_and_encrypts" {
  variables {
    access = {
      grants          = [{ users = ["arn:{partition}:iam::{account}:user/ci-*"], tags = {} }]
      never           = []
      secrets         = ["arn:{partition}:secretsmanager:{region}:{account}:secret:ci/*-??????"]
      templates       = []
      replicated      = ["arn:{partition}:secretsmanager:{region}:{account}:secret:ci/*-??????"]
      replica_regions = ["eu-central-1"]
      kms_keys        = ["arn:{partition}:kms:{region}:{account}:key/11111111-2222-3333-4444-555555555555"]
      kms_aliases     = ["alias/secrets"]
    }
  }
  assert {
    condition = [for one in jsondecode(output.execution).Statement : one.Condition["ForAllValues:StringEquals"]["secretsmanager:AddReplicaRegions"] if one.Sid == "ReplicateSecrets"] == [
      ["eu-central-1"]
    ]
    error_message = "to the regions of the manifests"
  }
  assert {
    condition = alltrue([
      for one in jsondecode(output.execution).Statement : can(one.Condition.StringLike["kms:ViaService"]) if startswith(one.Sid, "UseKms")
    ])
    error_message = "keys are used through Secrets Manager only"
  }
  assert {
    condition = [for one in jsondecode(output.execution).Statement : one.Resource if one.Sid == "UseKmsKeys"] == [
      ["arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555"]
    ]
    error_message = "a key that the manifests name by its id has an ARN here"
  }
  assert {
    condition = [for one in jsondecode(output.execution).Statement : [one.Action, one.Condition.StringLike["kms:EncryptionContext:SecretARN"]] if one.Sid == "LeaveKmsKeys"] == [
      [["kms:Decrypt"], ["arn:aws:secretsmanager:eu-west-1:111122223333:secret:ci/*-??????"]]
    ]
    error_message = "another key is only used to decrypt these secrets, which are to leave it"
  }
  assert {
    condition = [for one in jsondecode(output.execution).Statement : one.Condition.StringLike["aws:ResourceTag/keyrota:user"] if one.Sid == "FinishAtFormerSecrets"] == [
      ["arn:aws:iam::111122223333:user/ci-*"]
    ]
    error_message = "secrets of other names only where they are those of the users"
  }
  assert {
    condition = [for one in jsondecode(output.execution).Statement : one.Condition["ForAnyValue:StringEquals"]["kms:ResourceAliases"] if one.Sid == "UseKmsAliases"] == [
      ["alias/secrets"]
    ]
    error_message = "an alias is a property of its key"
  }
}

# A key by its ARN is written by `keyrota export terraform`; so is an id, as the ARN that it has in each region.
run "names_aliases_of_other_accounts" {
  variables {
    partition  = "aws-cn"
    dns_suffix = "amazonaws.com.cn"
    access = {
      grants          = [{ users = ["arn:{partition}:iam::{account}:user/ci-*"], tags = {} }]
      never           = []
      secrets         = ["arn:{partition}:secretsmanager:{region}:{account}:secret:ci/*-??????"]
      templates       = []
      replicated      = []
      replica_regions = []
      kms_keys        = ["arn:{partition}:kms:cn-north-1:{account}:key/11111111-2222-3333-4444-555555555555"]
      kms_aliases     = ["arn:{partition}:kms:cn-north-1:444455556666:alias/shared", "alias/secrets"]
    }
  }
  assert {
    condition = [for one in jsondecode(output.execution).Statement : [one.Resource, one.Condition] if one.Sid == "UseKmsAliases"] == [[
      ["arn:aws-cn:kms:cn-north-1:444455556666:key/*", "arn:aws-cn:kms:*:111122223333:key/*"],
      {
        "ForAnyValue:StringEquals" = { "kms:ResourceAliases" = ["alias/shared", "alias/secrets"] }
        StringLike                 = { "kms:ViaService" = "secretsmanager.*.amazonaws.com.cn" }
      },
    ]]
    error_message = "a key is in the region and account of its alias"
  }
  assert {
    condition     = keys(data.aws_kms_alias.named) == ["alias/secrets"]
    error_message = "what can be looked up is"
  }
  assert {
    condition     = !strcontains(output.execution, "arn:aws:") && !can(regex("\\{[a-z]+\\}", output.execution))
    error_message = "every ARN is of the partition"
  }
}

run "refuses_another_account_without_a_role" {
  command = plan
  variables {
    access = {
      id = "444455556666", grants = [], never = [], secrets = [], templates = [], replicated = [], replica_regions = [], kms_keys = [], kms_aliases = []
    }
  }
  expect_failures = [var.account_id]
}

run "refuses_impossible_accounts" {
  command = plan
  variables {
    account_id = "1234"
    partition  = "amazon"
  }
  expect_failures = [var.account_id, var.partition]
}
