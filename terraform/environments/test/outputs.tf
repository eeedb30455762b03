output "rotation" {
  description = "What a person needs to know of the stack."
  value       = module.rotation
}
