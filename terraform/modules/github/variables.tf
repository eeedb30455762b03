variable "account_id" {
  description = "The account's id."
  type        = string
}

variable "boundary_arn" {
  description = "The permissions boundary of the execution role: the deploy role may write policies within it only."
  type        = string
}

variable "deploy_role_arns" {
  description = "Roles in other accounts with which Terraform deploys there."
  type        = list(string)
  default     = []
}

variable "deploy_subjects" {
  description = "What may deploy: what follows the repository in the token's subject."
  type        = list(string)
  default     = ["environment:production"]

  validation {
    condition     = length(var.deploy_subjects) > 0 && !anytrue([for subject in var.deploy_subjects : strcontains(subject, "*")])
    error_message = "Name subjects exactly, e.g. `environment:production`."
  }
}

variable "dns_suffix" {
  description = "The domain of the partition's services."
  type        = string
  default     = "amazonaws.com"
}

variable "evidence_arns" {
  description = "The buckets of the evidence and of its access log."
  type        = list(string)
  default     = []
}

variable "execution_role_arn" {
  description = "The function's role."
  type        = string
}

variable "kms_key_arn" {
  description = "The key of the stack."
  type        = string
}

variable "name" {
  description = "The name of the stack; the roles are called after it."
  type        = string
}

variable "oidc_provider_arn" {
  description = "GitHub's OIDC provider in this account; an account has at most one. `null`: it is created."
  type        = string
  default     = null
}

variable "partition" {
  description = "The account's partition."
  type        = string
}

variable "plan_policies" {
  description = "The plan role's policies: JSON documents by name."
  type        = map(string)
}

variable "plan_subjects" {
  description = "What may plan: what follows the repository in the token's subject."
  type        = list(string)
  default     = ["pull_request"]

  validation {
    condition     = length(var.plan_subjects) > 0 && !anytrue([for subject in var.plan_subjects : strcontains(subject, "*")])
    error_message = "Name subjects exactly, e.g. `pull_request`."
  }
}

variable "region" {
  description = "The stack's region."
  type        = string
}

variable "repository" {
  description = "`OWNER/REPOSITORY` on GitHub."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "Write `OWNER/REPOSITORY`."
  }
}

variable "repository_ids" {
  description = "GitHub's numbers of the owner and the repository (`gh api repos/OWNER/REPOSITORY --jq '.owner.id, .id'`). Repositories that were created or renamed since July 2026 have them in their tokens."
  type        = object({ owner = number, repository = number })
  default     = null
}

variable "schedule_role_arn" {
  description = "The schedules' role."
  type        = string
}

variable "state" {
  description = "The S3 bucket and key of Terraform's state, for the deploy role. `null`: the state is elsewhere."
  type        = object({ bucket = string, key = string })
  default     = null
}
