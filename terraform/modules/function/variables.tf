variable "account_id" {
  description = "The account's id."
  type        = string
}

variable "architecture" {
  description = "What the package was built for: `arm64` or `x86_64`."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture is `arm64` or `x86_64`."
  }
}

variable "dns_suffix" {
  description = "The domain of the partition's services."
  type        = string
  default     = "amazonaws.com"
}

variable "evidence_bucket" {
  description = "The bucket to which the history of each run is added. `null`: none is kept."
  type        = string
  default     = null
}

variable "fleet_bucket" {
  description = "The bucket in which the parts of a run meet. `null`: runs are not in parts."
  type        = string
  default     = null
}

variable "kms_key_arn" {
  description = "The key for log, queue and environment."
  type        = string
}

variable "log_level" {
  description = "What the function logs: `INFO`, or `DEBUG` for each call to AWS as well. Metrics are lines of the log at `INFO`."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["INFO", "DEBUG"], var.log_level)
    error_message = "It is `INFO` or `DEBUG`: above, Lambda would drop the metrics that the alarms watch."
  }
}

variable "log_retention_days" {
  description = "For how long the log is kept, in days."
  type        = number
  default     = 365

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch Logs knows these periods: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 and 3653 days."
  }
}

variable "maximum_retries" {
  description = "How often a failed run is repeated. Running again is always safe."
  type        = number
  default     = 2

  validation {
    condition     = var.maximum_retries >= 0 && var.maximum_retries <= 2
    error_message = "Lambda repeats a failed event at most twice."
  }
}

variable "memory_size" {
  description = "Memory in MB."
  type        = number
  default     = 128

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240
    error_message = "A function has 128 to 10240 MB."
  }
}

variable "name" {
  description = "The name of the function, its role and its queue."
  type        = string
}

variable "package" {
  description = "The zip file with `bootstrap` and the manifests."
  type        = string
}

variable "partition" {
  description = "The account's partition."
  type        = string
}

variable "permissions_boundary_arn" {
  description = "The permissions boundary of the role: who may write its policies can't reach beyond it."
  type        = string
}

variable "policies" {
  description = "The role's policies beside log and queue: JSON documents by name."
  type        = map(string)
}

variable "region" {
  description = "The stack's region."
  type        = string
}

variable "reserved_concurrency" {
  description = "How many runs may go on at the same time. `-1`: as many as the account allows, for accounts whose quota is too small to reserve any."
  type        = number
  default     = 1

  validation {
    condition     = var.reserved_concurrency == -1 || var.reserved_concurrency >= 1
    error_message = "Use `paused` to stop the function; a reserved concurrency of 0 would let events pile up."
  }
}

variable "revision" {
  description = "The commit of the manifests in the package, for reports."
  type        = string
  default     = null
}

variable "timeout" {
  description = "How long a run may take, in seconds. What is left then is for the next run."
  type        = number
  default     = 900

  validation {
    condition     = var.timeout >= 120 && var.timeout <= 900
    error_message = "keyrota starts no new user in the last minute: give it 120 to 900 seconds."
  }
}
