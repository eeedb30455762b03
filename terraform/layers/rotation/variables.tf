# `schedules`, `mail`, `channels` and `accounts` come from `keyrota export terraform`.

variable "accounts" {
  description = "The accounts whose users rotate, by name, as `keyrota export terraform` writes them."
  type = map(object({
    id              = optional(string)
    role            = optional(string)
    external_id     = optional(string)
    region          = optional(string)
    grants          = list(object({ users = list(string), tags = map(list(string)) }))
    never           = list(string)
    secrets         = list(string)
    templates       = list(string)
    replicated      = list(string)
    replica_regions = list(string)
    kms_keys        = list(string)
    kms_aliases     = list(string)
    parameters      = optional(list(string), [])
    delivered       = optional(list(string), [])
  }))

  validation {
    condition     = length([for access in values(var.accounts) : access if access.role == null]) <= 1
    error_message = "Only one account can be the function's own; give the others a `role` in the manifests."
  }

  validation {
    condition = var.permissions_boundary_arn != null || alltrue([for access in values(var.accounts) : contains(
      [for role in try(var.boundary.roles, []) : regex("iam::.*$", role)], try(regex("iam::.*$", access.role), "")
    ) if access.role != null])
    error_message = "`boundary.roles` does not name the roles of these accounts, which a person must do before keyrota can enter them: ${join(", ", [
      for name, access in var.accounts : name if access.role != null && !contains(
        [for role in try(var.boundary.roles, []) : regex("iam::.*$", role)], try(regex("iam::.*$", access.role), "")
      )
    ])}."
  }

  validation {
    condition     = !contains(flatten([for access in values(var.accounts) : access.kms_aliases if access.role == null]), "alias/${var.name}")
    error_message = "`alias/${var.name}` is the key of this stack, which `terraform destroy` deletes: the users' secrets would be lost with it. Let `kms-key` name a key of your own."
  }

  validation {
    condition = var.permissions_boundary_arn != null || try(length(var.boundary.readable), 0) > 0 || (
      length(flatten([for access in values(var.accounts) : access.delivered if access.role == null])) == 0
    )
    error_message = "`boundary.readable` names no secret, and credentials are delivered: name those of the users with `deliver`, and the one that `[deliver.github]` names, e.g. `readable = [\"/aws/iam/credentials/ci-*\", \"keyrota/github\"]`. No other value can be read then, whatever the manifests say."
  }

  validation {
    condition = var.permissions_boundary_arn != null || try(length(var.boundary.parameters), 0) > 0 || (
      length(flatten([for access in values(var.accounts) : access.parameters if access.role == null])) == 0
    )
    error_message = "`boundary.parameters` names no parameter, and credentials are delivered to some: name what could ever be written, e.g. `parameters = [\"/ci/*\"]`."
  }
}

variable "alarm_emails" {
  description = "Addresses that subscribe to a topic for alarms; each must confirm."
  type        = set(string)
  default     = []
}

variable "alarm_topic_arns" {
  description = "SNS topics of your own that alarms are sent to."
  type        = list(string)
  default     = []
}

variable "architecture" {
  description = "What the package was built for: `arm64` or `x86_64`."
  type        = string
  default     = "arm64"
}

variable "boundary" {
  description = "What the function could ever reach, whatever the manifests say; see the module `boundary`. A person sets it. Needed unless `permissions_boundary_arn` is given."
  type = object({
    users   = optional(list(string), [])
    roles   = optional(list(string), [])
    secrets = optional(list(string), ["*"])
    # What credentials are delivered to, and whose values could ever be read for that.
    parameters = optional(list(string), [])
    readable   = optional(list(string), [])

    event_buses = optional(list(string), ["*"])
    topics      = optional(list(string), ["*"])
    webhooks    = optional(list(string), ["keyrota/*"])

    # The name of the role that `[organization]` names: it could be assumed in any account that trusts the function.
    organization_role = optional(string)
  })
  default = null

  validation {
    condition     = var.permissions_boundary_arn != null || try(length(var.boundary.users) + length(var.boundary.roles) + (var.boundary.organization_role == null ? 0 : 1), 0) > 0
    error_message = "Say whose keys could ever be rotated, e.g. `boundary = { users = [\"/ci/\"], roles = [\"arn:aws:iam::444455556666:role/keyrota\"] }`: who ships manifests can't reach beyond it."
  }
}

variable "channels" {
  description = "What is sent to beside SES, as `keyrota export terraform` writes it. `null`: nothing."
  type        = object({ event_bus = optional(string), topics = optional(list(string), []), webhooks = optional(list(string), []) })
  default     = null

  validation {
    condition = var.permissions_boundary_arn != null || alltrue([for name in try(var.channels.webhooks, []) : anytrue([
      for pattern in try(var.boundary.webhooks, []) : can(regex("^${replace(replace(pattern, ".", "\\."), "*", ".*")}$", name))
    ])])
    error_message = "`boundary.webhooks` does not name the secrets of these webhooks, which a person must do before keyrota can read them: ${join(", ", try(var.channels.webhooks, []))}. Names that begin with `keyrota/` are in it by default."
  }
}

variable "create_mail_identity" {
  description = "Whether to create the sender's SES identity; `false` if it exists already."
  type        = bool
  default     = true
}

variable "evidence" {
  description = "Keeps the history of each run in a bucket of its own, of which nothing is changed; see the module `evidence`. `{}` is enough; `bucket` names it, `keep_days` says when what was written goes, `lock` adds Object Lock. `null`: none is kept."
  type = object({
    bucket    = optional(string)
    keep_days = optional(number)
    lock      = optional(object({ mode = optional(string, "GOVERNANCE"), days = number }))
  })
  default = null
}

variable "fleet" {
  description = "Gives each account an invocation of its own, by a state machine: for more accounts than one invocation has time for. See docs/fleet.md."
  type        = bool
  default     = false
}

variable "fleet_concurrency" {
  description = "How many accounts are worked off at the same time, with `fleet`."
  type        = number
  default     = 10
}

variable "fleet_timeout" {
  description = "How long an execution may take, in seconds: as many accounts as there are, each up to 15 minutes, `fleet_concurrency` at a time. One that takes longer ends without a merge; start it again under its own name."
  type        = number
  default     = 86400
}

variable "fleet_tolerated_failure_percentage" {
  description = "With `fleet`: when more than so many percent of the accounts have failed, no more are begun."
  type        = number
  default     = 100
}

variable "github" {
  description = "The repository of the manifests, for the roles of its workflows; see the module `github`. `null`: no such roles."
  type = object({
    repository        = string
    repository_ids    = optional(object({ owner = number, repository = number }))
    oidc_provider_arn = optional(string)
    plan_subjects     = optional(list(string), ["pull_request", "ref:refs/heads/main", "environment:production"])
    deploy_subjects   = optional(list(string), ["environment:production"])
    plan_role_arns    = optional(list(string))
    deploy_role_arns  = optional(list(string))
    state             = optional(object({ bucket = string, key = string }))
  })
  default = null
}

variable "kms_key_arn" {
  description = "Your key for logs, queues, alarms and environment; its policy must let CloudWatch Logs and CloudWatch use it. `null`: one is created."
  type        = string
  default     = null
}

variable "log_level" {
  description = "What the function logs: `INFO`, or `DEBUG` for each call to AWS as well."
  type        = string
  default     = "INFO"
}

variable "log_retention_days" {
  description = "For how long the log is kept, in days."
  type        = number
  default     = 365
}

variable "mail" {
  description = "The sender, as `keyrota export terraform` writes it. `null`: nobody is told of anything."
  type        = object({ address = string, domain = string, from_arn = optional(string), configuration_set = optional(string), region = optional(string) })
  default     = null
}

variable "mail_identity" {
  description = "Whether SES verifies the sender's `address` or its `domain`."
  type        = string
  default     = "address"

  validation {
    condition     = contains(["address", "domain"], var.mail_identity)
    error_message = "It is `address` or `domain`."
  }
}

variable "maximum_retries" {
  description = "How often a failed run is repeated: 0 to 2 times."
  type        = number
  default     = 2
}

variable "memory_size" {
  description = "The function's memory in MB. `null`: 128, or with `fleet` 512, in which a report of some 65,000 keys has one page for all accounts."
  type        = number
  default     = null
}

variable "name" {
  description = "The name of everything that is created."
  type        = string
  default     = "keyrota"

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,48}$", var.name))
    error_message = "Up to 48 letters, digits, `_` and `-`."
  }
}

variable "organization" {
  description = "How the accounts of an organisation are found and entered, as `keyrota export terraform` writes it. `null`: none are."
  type = object({
    role        = string
    role_arn    = string
    external_id = optional(string)
    region      = optional(string)
    actions     = list(string)
    access      = any
  })
  default = null

  validation {
    condition     = var.organization == null || var.permissions_boundary_arn != null || try(var.boundary.organization_role, null) == try(var.organization.role, null)
    error_message = "`boundary.organization_role` does not name the role of `[organization]`, which a person must do before keyrota can enter its accounts: ${coalesce(try(var.organization.role, null), "-")}."
  }
}

variable "own_secrets" {
  description = "The names or ARNs of the secrets that hold keyrota's own configuration, such as what it signs in to GitHub with, as `keyrota export terraform` writes them."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.own_secrets) == 0 || var.permissions_boundary_arn != null || try(length(var.boundary.readable), 0) > 0
    error_message = "`boundary.readable` names no secret: name this one there, which a person must do before keyrota can read it."
  }
}

variable "package" {
  description = "The zip file that `cargo xtask package` makes: `bootstrap` and the manifests."
  type        = string
}

variable "paused" {
  description = "Stops the schedules and silences the alarms. Keys stay as they are."
  type        = bool
  default     = false
}

variable "permissions_boundary_arn" {
  description = "A permissions boundary of your own for the execution role, instead of `boundary`."
  type        = string
  default     = null
}

variable "read_in_bulk" {
  description = "Read users, tags and groups in bulk; see the module `access`."
  type        = bool
  default     = true
}

variable "region" {
  description = "The region of the AWS provider."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+(-[a-z]+)+-[0-9]$", var.region))
    error_message = "Write e.g. `eu-west-1`."
  }
}

variable "reserved_concurrency" {
  description = "How many invocations may go on at the same time. `null`: 1, or with `fleet` enough for two executions at once, for both schedules may begin at the same time. `-1`: no limit, for accounts whose quota is too small to reserve any."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null || !var.fleet || try(var.reserved_concurrency, 0) == -1 || try(var.reserved_concurrency > var.fleet_concurrency, false)
    error_message = "With `fleet`, reserve more than `fleet_concurrency`: Lambda would refuse the accounts beyond it."
  }
}

variable "revision" {
  description = "The commit of the manifests in the package, for reports."
  type        = string
  default     = null
}

variable "run_within_days" {
  description = "An alarm goes off when no run was completed for so many days: 1 to 7. `null`: as `schedules` says."
  type        = number
  default     = null
}

variable "schedules" {
  description = "When rotations start (`enforce`) and are carried on (`tend`): expressions of EventBridge Scheduler, in UTC. `run_within_days`: what is too long without a run, as `tend` has it."
  type = object({
    enforce         = optional(string, "cron(0 8 1 * ? *)")
    tend            = optional(string, "cron(0 8 * * ? *)")
    run_within_days = optional(number, 2)
  })
  default = {}

  # The same words as `keyrota check` has.
  validation {
    condition = alltrue([for expression in [var.schedules.enforce, var.schedules.tend] : can(regex("^(cron|rate)\\(.*\\)$", expression))])
    error_message = join("\n", concat([for expression in [var.schedules.enforce, var.schedules.tend] :
      "`${expression}` is neither `cron(…)` nor `rate(…)`" if !can(regex("^(cron|rate)\\(.*\\)$", expression))
    ], ["write e.g. `cron(0 8 1 * ? *)` or `rate(1 day)`"]))
  }

  validation {
    condition = alltrue([for expression in [var.schedules.enforce, var.schedules.tend] : length(regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")"))) == 6 if startswith(expression, "cron(")])
    error_message = join("\n", concat([for expression in [var.schedules.enforce, var.schedules.tend] :
      "`${expression}`: EventBridge wants six fields, this has ${length(regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")")))}" if startswith(expression, "cron(") && length(regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")"))) != 6
    ], ["six fields: minute, hour, day of month, month, day of week, year; e.g. `cron(0 8 1 * ? *)`"]))
  }

  validation {
    condition = alltrue([for expression in [var.schedules.enforce, var.schedules.tend] :
      (regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")"))[2] == "?") != (regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")"))[4] == "?") if startswith(expression, "cron(") && length(regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")"))) == 6
    ])
    error_message = join("\n", concat([for expression in [var.schedules.enforce, var.schedules.tend] :
      "`${expression}`: one of day of month and day of week must be `?`, and only one" if startswith(expression, "cron(") && try((regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")"))[2] == "?") == (regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")"))[4] == "?") && length(regexall("[^ ]+", trimsuffix(trimprefix(expression, "cron("), ")"))) == 6, false)
    ], ["six fields: minute, hour, day of month, month, day of week, year; e.g. `cron(0 8 1 * ? *)`"]))
  }
}

variable "test_recipients" {
  description = "Addresses that SES verifies, so that mail reaches them while the account is in the SES sandbox."
  type        = set(string)
  default     = []
}

variable "timeout" {
  description = "How long a run may take, in seconds."
  type        = number
  default     = 900
}
