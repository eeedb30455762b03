variable "account_id" {
  description = "The account's id."
  type        = string
}

variable "boundary_arn" {
  description = "The permissions boundary of the execution role: policies are written within it only."
  type        = string
}

variable "execution_role_arn" {
  description = "The role whose policies follow the manifests. Roles that are called after it are read."
  type        = string
}

variable "name" {
  description = "What the names of the policies begin with."
  type        = string
}

variable "partition" {
  description = "The account's partition."
  type        = string
}

variable "passed_role_arns" {
  description = "Roles that are handed on to Lambda and Scheduler."
  type        = list(string)
  default     = []
}
