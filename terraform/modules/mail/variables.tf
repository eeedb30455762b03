variable "account_id" {
  description = "The account's id."
  type        = string
}

variable "create" {
  description = "Whether to create the sender's identity; `false` if it exists already."
  type        = bool
  default     = true
}

variable "identity" {
  description = "The sender's address, or its whole domain."
  type        = string

  validation {
    condition     = can(regex("^([^@ <>]+@)?[A-Za-z0-9.-]+\\.[A-Za-z0-9-]+$", var.identity))
    error_message = "Write a bare address (`security@example.com`) or a domain (`example.com`)."
  }
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
