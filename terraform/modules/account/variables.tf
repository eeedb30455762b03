variable "access" {
  description = "What `keyrota export terraform` says of this account."
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
    condition     = var.access.role != null
    error_message = "The manifests name no `role` for the account ${coalesce(var.access.id, "of the caller")}, so there is nothing to make in it."
  }
}

variable "boundary" {
  description = "What the roles could ever reach here, whatever the manifests say; see the module `boundary`. A person sets it. Needed unless `permissions_boundary_arn` is given."
  type = object({
    users   = list(string)
    secrets = optional(list(string), ["*"])
    # What credentials are delivered to, and whose values could ever be read for that.
    parameters = optional(list(string), [])
    readable   = optional(list(string), [])
  })
  default = null

  validation {
    condition     = var.permissions_boundary_arn != null || try(length(var.boundary.users), 0) > 0
    error_message = "Say whose keys could ever be rotated in this account, e.g. `boundary = { users = [\"/ci/\"] }`: who ships manifests can't reach beyond it."
  }

  validation {
    condition = var.permissions_boundary_arn != null || (
      (length(var.access.delivered) == 0 || try(length(var.boundary.readable), 0) > 0) &&
      (length(var.access.parameters) == 0 || try(length(var.boundary.parameters), 0) > 0)
    )
    error_message = "Credentials are delivered from this account: let `boundary.readable` name the secrets of those users, and `boundary.parameters` what could ever be written, e.g. `readable = [\"/aws/iam/credentials/ci-*\"]` and `parameters = [\"/ci/*\"]`."
  }
}

variable "deploy_role_arns" {
  description = "Who may assume the role that ships manifests: the deploy role of the stack. Empty: there is no such role."
  type        = list(string)
  default     = []
}

variable "execution_role_arns" {
  description = "Who may assume the role that rotates keys: the function's execution role."
  type        = list(string)
}

variable "permissions_boundary_arn" {
  description = "A permissions boundary of your own for the roles, instead of `boundary`."
  type        = string
  default     = null
}

variable "plan_role_arns" {
  description = "Who may assume the role that only reads: the plan role of the pull requests. Empty: there is no such role."
  type        = list(string)
  default     = []
}

variable "read_in_bulk" {
  description = "As in the module `access`."
  type        = bool
  default     = true
}

variable "region" {
  description = "The region of the secrets, where the manifests don't say."
  type        = string
}
