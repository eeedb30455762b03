variable "access" {
  description = "What `keyrota export terraform` says of one account."
  type = object({
    id              = optional(string)
    role            = optional(string)
    external_id     = optional(string)
    region          = optional(string)
    grants          = list(object({ users = list(string), tags = map(list(string)) }))
    never           = list(string)
    secrets         = list(string)
    templates       = list(string)
    replicated      = list(string)
    replica_regions = list(string)
    kms_keys        = list(string)
    kms_aliases     = list(string)
    parameters      = optional(list(string), [])
    delivered       = optional(list(string), [])
  })

  validation {
    condition     = length(var.access.secrets) == 0 || length(var.access.grants) > 0
    error_message = "There are secrets but no users: export the variables again with `keyrota export terraform`."
  }
}

variable "account_id" {
  description = "The account's id, 12 digits."
  type        = string

  validation {
    # Of a role that CloudFormation lays in many accounts, that fills it in.
    condition     = can(regex("^[0-9]{12}$", var.account_id)) || var.account_id == "$${AWS::AccountId}"
    error_message = "An account's id has 12 digits."
  }

  validation {
    condition     = var.access.id == null || var.access.id == var.account_id
    error_message = "The account ${coalesce(var.access.id, "of the manifests")} is not ${var.account_id}, where this runs: give it a `role` in the manifests, and export the variables again."
  }
}

variable "check_aliases" {
  description = "Whether to see that the KMS aliases exist: they are looked for in the account of the provider."
  type        = bool
  default     = true
}

variable "dns_suffix" {
  description = "The domain of the partition's services."
  type        = string
  default     = "amazonaws.com"
}

variable "partition" {
  description = "The account's partition."
  type        = string
  default     = "aws"

  validation {
    condition     = startswith(var.partition, "aws")
    error_message = "Partitions are called `aws`, `aws-cn`, `aws-us-gov` and the like."
  }
}

variable "read_in_bulk" {
  description = "Read users, tags and groups with `iam:GetAccountAuthorizationDetails`: a thousand users a call. It also shows the account's policies. `false`: with `iam:ListUsers`, and two calls for each user that a rule names."
  type        = bool
  default     = true
}

variable "region" {
  description = "The region of the secrets, where the manifests don't say."
  type        = string
}
