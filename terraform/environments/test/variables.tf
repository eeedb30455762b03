# `schedules`, `mail`, `channels` and `accounts` come from `keyrota.auto.tfvars.json`, which `keyrota export terraform` writes.

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
}

variable "alarm_emails" {
  description = "Addresses that subscribe to a topic for alarms; each must confirm."
  type        = set(string)
  default     = []
}

variable "application" {
  description = "The first part of all names, and a tag."
  type        = string
  default     = "keyrota"
}

variable "architecture" {
  description = "What the package was built for: `arm64` or `x86_64`."
  type        = string
  default     = "arm64"
}

variable "boundary" {
  description = "What the function could ever reach, whatever the manifests say: users by ARN or path, roles by ARN."
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

    organization_role = optional(string)
  })
}

variable "boundary_users" {
  description = "Whose keys could ever be rotated in the other accounts: ARNs or paths, by the account's name in the manifests."
  type        = map(list(string))
  default     = {}
}

variable "channels" {
  description = "What is sent to beside SES, as `keyrota export terraform` writes it. `null`: nothing."
  type        = object({ event_bus = optional(string), topics = optional(list(string), []), webhooks = optional(list(string), []) })
  default     = null
}

variable "create_mail_identity" {
  description = "Whether to create the sender's SES identity; `false` if it exists already, as in the second environment of one account and region."
  type        = bool
  default     = true
}

variable "deployer" {
  description = "The role of the other accounts with which a person applies this for the first time, e.g. `OrganizationAccountAccessRole`. `null`: the narrow deploy roles that were made then."
  type        = string
  default     = null
}

variable "environment" {
  description = "The second part of all names, and a tag."
  type        = string
}

variable "fleet" {
  description = "Gives each account an invocation of its own; see docs/fleet.md."
  type        = bool
  default     = false
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

variable "mail" {
  description = "The sender, as `keyrota export terraform` writes it. `null`: nobody is told of anything."
  type        = object({ address = string, domain = string, from_arn = optional(string), configuration_set = optional(string), region = optional(string) })
  default     = null
}

variable "mail_identity" {
  description = "Whether SES verifies the sender's `address` or its `domain`."
  type        = string
  default     = "address"
}

variable "members" {
  description = "Where the role is laid in the accounts of an organisation: units by their ids, and whose keys could ever be rotated there, by path or ARN. `call_as` is `DELEGATED_ADMIN` where the function's account administers StackSets for the one that manages the organisation."
  type        = object({ units = set(string), users = list(string), call_as = optional(string, "SELF") })
  default     = null

  validation {
    condition     = var.members != null || var.organization == null
    error_message = "The manifests say `[organization]`: set `members` to the units in whose accounts the role is laid, e.g. `members = { units = [\"ou-ab12-11111111\"], users = [\"/ci/\"] }`."
  }
}

variable "name" {
  description = "The name of everything that is created in the function's account. `null`: `application` and `environment`."
  type        = string
  default     = null
}

variable "organization" {
  description = "How the accounts of an organisation are found and entered, as `keyrota export terraform` writes it. `null`: none are."
  type        = any
  default     = null
}

variable "own_secrets" {
  description = "The names or ARNs of the secrets that hold keyrota's own configuration, as `keyrota export terraform` writes them."
  type        = list(string)
  default     = []
}

variable "owner" {
  description = "Who owns the stack: a tag. `null`: none."
  type        = string
  default     = null
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

variable "region" {
  description = "Where the function runs, and mail leaves from unless the manifests name another region for it."
  type        = string
  default     = "eu-west-1"
}

variable "reserved_concurrency" {
  description = "How many invocations may go on at the same time. `null`: as many as are needed. `-1`: no limit, for accounts whose quota is too small to reserve any."
  type        = number
  default     = null
}

variable "revision" {
  description = "The commit of the manifests in the package, for reports."
  type        = string
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
}

variable "tags" {
  description = "More tags for everything."
  type        = map(string)
  default     = {}
}

variable "test_recipients" {
  description = "Addresses that SES verifies, so that mail reaches them while the account is in the SES sandbox."
  type        = set(string)
  default     = []
}
