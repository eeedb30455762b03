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
  description = "The policy's name begins with this and `-reader`."
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

variable "template" {
  description = "The name of the secrets, with `{user}` for the user's name."
  type        = string

  validation {
    condition     = strcontains(var.template, "{user}")
    error_message = "A name without `{user}` would let every user read the same secret."
  }
}
