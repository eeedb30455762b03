variable "account_id" {
  description = "The account's id."
  type        = string
}

variable "dns_suffix" {
  description = "The domain of the partition's services."
  type        = string
  default     = "amazonaws.com"
}

variable "name" {
  description = "The policy's name begins with this and `-reader`."
  type        = string
}

variable "partition" {
  description = "The account's partition."
  type        = string
}

variable "template" {
  description = "The name of the secrets, with `{user}` for the user's name."
  type        = string

  validation {
    condition     = strcontains(var.template, "{user}")
    error_message = "A name without `{user}` would let every user read the same secret."
  }
}
