variable "access" {
  description = "What `keyrota export terraform` says of this account."
  type = object({
    id              = optional(string)
    role            = optional(string)
    region          = optional(string)
    grants          = list(object({ users = list(string), tags = map(list(string)) }))
    never           = list(string)
    secrets         = list(string)
    templates       = list(string)
    replicated      = list(string)
    replica_regions = list(string)
    kms_keys        = list(string)
    kms_aliases     = list(string)
  })
}

variable "execution_role_arns" {
  description = "Who may assume the role that rotates keys: the function's execution role."
  type        = list(string)
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
