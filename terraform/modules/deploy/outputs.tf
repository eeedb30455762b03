output "statements" {
  description = "The statements; those without resources are left out."
  value       = [for statement in local.statements : statement if length(statement.Resource) > 0]
}
