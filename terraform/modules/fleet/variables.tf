variable "account_id" {
  description = "The account's id."
  type        = string
}

variable "bucket" {
  description = "The name of the bucket in which the parts of a run meet."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "A bucket has 3 to 63 small letters, digits, dots and hyphens."
  }
}

variable "dns_suffix" {
  description = "The domain of the partition's services."
  type        = string
  default     = "amazonaws.com"
}

variable "function_arn" {
  description = "The function that each step calls, and the only one that the state machine may call."
  type        = string
}

variable "keep_days" {
  description = "After how many days the parts of a run go. An execution can be started again for 14."
  type        = number
  default     = 30

  validation {
    condition     = var.keep_days >= 14
    error_message = "Executions can be started again for 14 days, and need the parts for that."
  }
}

variable "kms_key_arn" {
  description = "The key that encrypts the bucket."
  type        = string
}

variable "max_concurrency" {
  description = "How many accounts are worked off at the same time."
  type        = number
  default     = 10

  validation {
    condition     = var.max_concurrency >= 1 && var.max_concurrency <= 1000
    error_message = "It is 1 to 1000; 0 would be no bound."
  }
}

variable "name" {
  description = "The name of the state machine; that of its role ends in `-fleet`."
  type        = string
}

variable "partition" {
  description = "The account's partition."
  type        = string
  default     = "aws"
}

variable "region" {
  description = "The region."
  type        = string
}

variable "execution_timeout" {
  description = "How long an execution may take, in seconds."
  type        = number
  default     = 86400
}

variable "tolerated_failure_percentage" {
  description = "When more than so many percent of the accounts have failed, no more are begun; 100: all are. What was done is merged and told in any case, and the execution fails if one account did."
  type        = number
  default     = 100

  validation {
    condition     = var.tolerated_failure_percentage >= 0 && var.tolerated_failure_percentage <= 100
    error_message = "It is 0 to 100."
  }
}
