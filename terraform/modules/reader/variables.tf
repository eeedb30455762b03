variable "account_id" {
  description = "The account's id."
  type        = string
}

variable "kms_key_arns" {
  description = "The keys that encrypt the secrets, where the manifests name any."
  type        = list(string)
  default     = []
}

variable "name" {
  description = "The policy's name is this and `-reader`."
  type        = string
}

variable "partition" {
  description = "The account's partition."
  type        = string
}

variable "region" {
  description = "The region of the secrets."
  type        = string
}

variable "templates" {
  description = "The names of the secrets, with `{user}` for the user's name."
  type        = list(string)

  validation {
    condition     = length(var.templates) > 0 && alltrue([for template in var.templates : strcontains(template, "{user}")])
    error_message = "A name without `{user}` would let every user read the same secret."
  }
}
