variable "account_id" {
  description = "The account's id."
  type        = string
}

variable "dns_suffix" {
  description = "The domain of the partition's services."
  type        = string
  default     = "amazonaws.com"
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

  # The same words as `keyrota check` has.
  validation {
    condition = alltrue([for expression in values(var.schedules) : can(regex("^(cron|rate)\\(.*\\)$", expression))])
    error_message = join("\n", concat([for expression in values(var.schedules) :
      "`${expression}` is neither `cron(…)` nor `rate(…)`" if !can(regex("^(cron|rate)\\(.*\\)$", expression))
    ], ["write e.g. `cron(0 8 1 * ? *)` or `rate(1 day)`"]))
  }

  validation {
    condition = alltrue([for expression in values(var.schedules) : length(regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")"))) == 6 if startswith(expression, "cron(")])
    error_message = join("\n", concat([for expression in values(var.schedules) :
      "`${expression}`: EventBridge wants six fields, this has ${length(regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")")))}" if startswith(expression, "cron(") && length(regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")"))) != 6
    ], ["six fields: minute, hour, day of month, month, day of week, year; e.g. `cron(0 8 1 * ? *)`"]))
  }

  validation {
    condition = alltrue([for expression in values(var.schedules) :
      (regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")"))[2] == "?") != (regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")"))[4] == "?") if startswith(expression, "cron(") && length(regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")"))) == 6
    ])
    error_message = join("\n", concat([for expression in values(var.schedules) :
      "`${expression}`: one of day of month and day of week must be `?`, and only one" if startswith(expression, "cron(") && try((regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")"))[2] == "?") == (regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")"))[4] == "?") && length(regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")"))) == 6, false)
    ], ["six fields: minute, hour, day of month, month, day of week, year; e.g. `cron(0 8 1 * ? *)`"]))
  }
}

variable "state_machine_arn" {
  description = "The state machine that is started instead of the function. `null`: none is."
  type        = string
  default     = null
}
