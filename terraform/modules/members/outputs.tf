output "name" {
  description = "The StackSet: its operations tell in which accounts the role could not be laid."
  value       = aws_cloudformation_stack_set.this.name
}

output "template" {
  description = "The template, for who lays it in another way."
  value       = local.template
}
