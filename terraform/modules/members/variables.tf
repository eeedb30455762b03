variable "boundary" {
  description = "What the role could ever reach in each account, whatever the manifests say; see the module `boundary`. A person sets it."
  type = object({
    users   = list(string)
    secrets = optional(list(string), ["*"])
    # What credentials are delivered to, and whose values could ever be read for that.
    parameters = optional(list(string), [])
    readable   = optional(list(string), [])
  })

  validation {
    condition     = length(var.boundary.users) > 0 && alltrue([for user in var.boundary.users : can(regex("^/([^*?]+/)?$", user)) || can(regex("^arn:aws[a-z-]*:iam::[^:]+:user/.*[^/*?].*$", user))])
    error_message = "Say whose keys could ever be rotated: paths that begin and end with `/`, e.g. `boundary = { users = [\"/ci/\"] }`; `/` is every user of each account."
  }
}

variable "call_as" {
  description = "`SELF` in the management account; `DELEGATED_ADMIN` in an account that administers StackSets for it."
  type        = string
  default     = "SELF"

  validation {
    condition     = contains(["SELF", "DELEGATED_ADMIN"], var.call_as)
    error_message = "It is `SELF` or `DELEGATED_ADMIN`."
  }
}

variable "dns_suffix" {
  description = "The domain of the partition's services."
  type        = string
  default     = "amazonaws.com"
}

variable "execution_role_arn" {
  description = "Who may assume the role: the function's execution role."
  type        = string
}

variable "name" {
  description = "The name of the StackSet."
  type        = string
  default     = "keyrota"
}

variable "organization" {
  description = "What `keyrota export terraform` says of `[organization]`."
  type = object({
    role        = string
    role_arn    = optional(string)
    external_id = optional(string)
    region      = optional(string)
    actions     = optional(list(string), [])
    access = object({
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
  })

  validation {
    condition     = var.organization.external_id != null
    error_message = "`[organization]` has no `external-id`: without it, whoever gets the function to enter an account could name any."
  }
}

variable "partition" {
  description = "The organisation's partition."
  type        = string
  default     = "aws"
}

variable "read_in_bulk" {
  description = "As in the module `access`."
  type        = bool
  default     = true
}

variable "region" {
  description = "The region in which CloudFormation lays the role, and of the secrets, where the manifests don't say."
  type        = string
}

variable "units" {
  description = "The ids of the units, or of the root, in whose accounts the role is laid: those that `[organization]` looks at. CloudFormation lays it in every account below, but not in the management account."
  type        = set(string)

  validation {
    condition     = length(var.units) > 0 && alltrue([for unit in var.units : can(regex("^(r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[0-9a-z]{8,32})$", unit))])
    error_message = "Name units by their ids, e.g. `ou-ab12-11111111`, or the root, e.g. `r-ab12`."
  }
}
