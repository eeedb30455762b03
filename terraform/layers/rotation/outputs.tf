output "alarm_topic_arn" {
  description = "The topic that was created for alarms."
  value       = module.alarms.topic_arn
}

output "boundary_policy" {
  description = "The permissions boundary of the function's role; `null` where it has one of your own."
  value       = one(module.boundary[*].policy)
}

output "deploy_role_arn" {
  description = "For the workflow that ships manifests."
  value       = one(module.github[*].deploy_role_arn)
}

output "dkim_records" {
  description = "CNAME records to add to the sender's domain; empty for an address."
  value       = one(module.mail[*].dkim_records)
}

output "evidence_bucket" {
  description = "Where the history of each run is kept; `null` if it is not."
  value       = local.evidence_bucket
}

output "execution_role_arn" {
  description = "The function's role: trust it in other accounts."
  value       = module.function.role_arn
}

output "fleet_bucket" {
  description = "Where the parts of a run meet; `null` without `fleet`."
  value       = one(module.fleet[*].bucket)
}

output "function_name" {
  description = "The function: `aws lambda invoke --function-name … --payload '{\"mode\":\"plan\"}'` shows what it would do."
  value       = module.function.name
}

output "log_group_name" {
  description = "Where the function logs."
  value       = module.function.log_group_name
}

output "plan_role_arn" {
  description = "For the workflow that plans."
  value       = one(module.github[*].plan_role_arn)
}

output "queue_names" {
  description = "The queues of runs that failed and of calls that did not arrive."
  value       = [module.function.queue_name, module.schedule.queue_name]
}

output "reader_policy_arns" {
  description = "By the template of the secrets' names: attach each to its users, who then read their own secrets. Empty if no users of this account rotate."
  value       = { for template, reader in module.reader : template => reader.arn }
}

output "state_machine_arn" {
  description = "The state machine of `fleet`; `null` without it: `aws stepfunctions start-execution --state-machine-arn … --input '{\"mode\":\"plan\"}'` shows what all accounts would do."
  value       = one(module.fleet[*].arn)
}
