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
  description = "The name of the stack."
  type        = string
}

variable "partition" {
  description = "The account's partition."
  type        = string
}

variable "region" {
  description = "The stack's region."
  type        = string
}
