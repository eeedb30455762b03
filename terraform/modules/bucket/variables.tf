variable "bucket" {
  description = "The bucket's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "A bucket has 3 to 63 small letters, digits, dots and hyphens."
  }
}

variable "kms_key_arn" {
  description = "The key that encrypts what is in it. `null`: S3's own."
  type        = string
  default     = null
}

variable "object_lock_enabled" {
  description = "Whether objects can be locked."
  type        = bool
  default     = null
}

variable "partition" {
  description = "The account's partition."
  type        = string
  default     = "aws"
}

variable "rules" {
  description = "What becomes of objects in time, in this order: moved to colder storage, or gone, with the versions before them; and whether uploads that never ended go."
  type = list(object({
    id              = string
    cold_after_days = optional(number)
    gone_after_days = optional(number)
    abort_uploads   = optional(bool, true)
  }))
}

variable "statements" {
  description = "What its policy says beside that nobody reaches it unencrypted: a JSON array."
  type        = string
  default     = "[]"
}
