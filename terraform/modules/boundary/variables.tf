variable "account_id" {
  description = "The account's id."
  type        = string
}

variable "dns_suffix" {
  description = "The domain of the partition's services."
  type        = string
  default     = "amazonaws.com"
}

variable "event_buses" {
  description = "Event buses to which the role could ever send: names of this account's, or ARNs; `*` is a wildcard."
  type        = list(string)
  default     = ["*"]
}

variable "evidence_bucket_arns" {
  description = "The bucket to which the function may add evidence."
  type        = list(string)
  default     = []
}

variable "fleet_bucket_arns" {
  description = "The bucket in which the parts of a run meet."
  type        = list(string)
  default     = []
}

variable "log_group_arns" {
  description = "Where the role may write logs."
  type        = list(string)
  default     = []
}

variable "name" {
  description = "The policy's name is this and `-boundary`."
  type        = string
}

variable "organization_role" {
  description = "The name, with its path, of the role that could be assumed in any account that trusts this one. `null`: none but `roles`."
  type        = string
  default     = null

  validation {
    condition     = var.organization_role == null ? true : can(regex("^[A-Za-z0-9+=,.@_/-]+$", var.organization_role))
    error_message = "Write the role's name, without wildcards: `keyrota`."
  }
}

variable "partition" {
  description = "The account's partition."
  type        = string
}

variable "queue_arns" {
  description = "Queues to which the role may send."
  type        = list(string)
  default     = []
}

variable "roles" {
  description = "ARNs of the roles in other accounts that the role could ever assume."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for role in var.roles : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^*?]+$", role))])
    error_message = "Name each role by its whole ARN, without wildcards."
  }
}

variable "parameters" {
  description = "Names of the parameters of Systems Manager that the role could ever write to; `*` is a wildcard."
  type        = list(string)
  default     = []
}

variable "readable" {
  description = "Names of the secrets whose values the role could ever read, to deliver them or to sign in where they go; `*` is a wildcard. Without any, it reads none."
  type        = list(string)
  default     = []
}

variable "secrets" {
  description = "Names of the secrets that the role could ever write to; `*` is a wildcard."
  type        = list(string)
  default     = ["*"]
}

variable "topics" {
  description = "SNS topics to which the role could ever publish: names of this account's, or ARNs; `*` is a wildcard."
  type        = list(string)
  default     = ["*"]
}

variable "users" {
  description = "The users whose keys the role could ever rotate: ARNs, or paths (`/ci/` is everyone below it)."
  type        = list(string)

  validation {
    condition = alltrue([for user in var.users :
      can(regex("^/[^*?]+/$", user)) || can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:user/.*[^/*?].*$", user))
    ])
    error_message = "Write a path that begins and ends with `/`, or an ARN such as `arn:aws:iam::111122223333:user/ci-*`. All users of the account are too many: an administrator may be one of them."
  }
}

variable "webhooks" {
  description = "Names of the secrets that the role could ever read: the URLs of webhooks, and no user's credential; `*` is a wildcard."
  type        = list(string)
  default     = ["keyrota/*"]

  validation {
    condition     = alltrue([for name in var.webhooks : can(regex("^[^*?]", name))])
    error_message = "Begin each name with something else than a wildcard: the role must not read what it stores."
  }
}
