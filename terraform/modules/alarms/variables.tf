variable "account_id" {
  description = "The account's id."
  type        = string
}

variable "emails" {
  description = "Addresses that subscribe to a topic for alarms; each must confirm. Empty: no topic is created."
  type        = set(string)
  default     = []
}

variable "failed_queue_name" {
  description = "The function's queue."
  type        = string
}

variable "function_name" {
  description = "The function."
  type        = string
}

variable "kms_key_arn" {
  description = "The key of the topic; CloudWatch must be allowed to use it."
  type        = string
}

variable "name" {
  description = "The name of the stack."
  type        = string
}

variable "namespace" {
  description = "The namespace of the function's metrics."
  type        = string
}

variable "paused" {
  description = "Whether alarms tell nobody."
  type        = bool
  default     = false
}

variable "run_within_days" {
  description = "An alarm goes off when no run was completed for so many days: 1 to 7. `null`: none does."
  type        = number
  default     = 2

  validation {
    condition     = try(var.run_within_days >= 1 && var.run_within_days <= 7 && floor(var.run_within_days) == var.run_within_days, var.run_within_days == null)
    error_message = "CloudWatch looks back at most seven days: 1 to 7."
  }
}

variable "topic_arns" {
  description = "SNS topics of your own that alarms are sent to."
  type        = list(string)
  default     = []
}

variable "undelivered_queue_name" {
  description = "The queue of the schedules."
  type        = string
}

variable "state_machine_arn" {
  description = "The state machine that runs accounts in parts. `null`: there is none."
  type        = string
  default     = null
}
