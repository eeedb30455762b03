variable "account_id" {
  description = "The account's id."
  type        = string
}

variable "configuration_set" {
  description = "The configuration set that mail is sent with; it exists already."
  type        = string
  default     = null
}

variable "create" {
  description = "Whether to create the sender's identity; `false` if it exists already."
  type        = bool
  default     = true
}

variable "from_arn" {
  description = "The ARN of the identity that mail is sent for, if another account owns it. Then none is created here."
  type        = string
  default     = null
}

variable "identity" {
  description = "The sender's address, or its whole domain."
  type        = string

  validation {
    condition     = can(regex("^([^@ <>]+@)?[A-Za-z0-9.-]+\\.[A-Za-z0-9-]+$", var.identity))
    error_message = "Write a bare address (`security@example.com`) or a domain (`example.com`)."
  }
}

variable "name" {
  description = "The name of the stack."
  type        = string
}

variable "partition" {
  description = "The account's partition."
  type        = string
}

variable "region" {
  description = "Whose SES sends."
  type        = string
}

variable "test_recipients" {
  description = "Addresses to verify, so that mail reaches them while the account is in the SES sandbox."
  type        = set(string)
  default     = []
}
