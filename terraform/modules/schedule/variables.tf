variable "account_id" {
  description = "The account's id."
  type        = string
}

variable "function_arn" {
  description = "The function to call."
  type        = string
}

variable "kms_key_arn" {
  description = "The key for the queue and the schedules."
  type        = string
}

variable "name" {
  description = "The name of the schedule group; its queue and role are named after it."
  type        = string
}

variable "paused" {
  description = "Whether the schedules are disabled."
  type        = bool
  default     = false
}

variable "region" {
  description = "The stack's region."
  type        = string
}

variable "schedules" {
  description = "Expressions of EventBridge Scheduler, in UTC: `enforce` starts rotations, `tend` carries them on."
  type        = map(string)

  validation {
    condition     = toset(keys(var.schedules)) == toset(["enforce", "tend"])
    error_message = "There are two schedules: `enforce` and `tend`."
  }

  validation {
    condition     = alltrue([for expression in values(var.schedules) : can(regex("^(cron|rate)\\(.+\\)$", expression))])
    error_message = "Write `cron(…)` with six fields, or `rate(…)`."
  }
}
