variable "account_id" {
  description = "The account's id."
  type        = string
}

variable "bucket" {
  description = "The bucket's name; the one of its access log ends in `-log`."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,57}[a-z0-9]$", var.bucket))
    error_message = "A bucket has 3 to 59 small letters, digits, dots and hyphens, for its log takes four more."
  }
}

variable "keep_days" {
  description = "After how many days what was written goes. `null`: never."
  type        = number
  default     = null

  validation {
    condition     = var.keep_days == null ? true : var.keep_days > 90
    error_message = "What is kept for 90 days or less is no evidence; it is moved to colder storage then."
  }
}

variable "kms_key_arn" {
  description = "The key that encrypts what is written."
  type        = string
}

variable "lock" {
  description = "Object Lock: for so many `days` nobody deletes what was written, in the `mode` `GOVERNANCE` or `COMPLIANCE`, which not even the account's root can undo. `null`: none. It can't be taken away later."
  type        = object({ mode = optional(string, "GOVERNANCE"), days = number })
  default     = null

  validation {
    condition     = var.lock == null ? true : contains(["GOVERNANCE", "COMPLIANCE"], var.lock.mode) && var.lock.days > 0
    error_message = "`mode` is `GOVERNANCE` or `COMPLIANCE`, and `days` is more than 0."
  }
}

variable "log_retention_days" {
  description = "After how many days the access log goes."
  type        = number
  default     = 365
}

variable "partition" {
  description = "The account's partition."
  type        = string
}
