# The role in each account of an organisation, where the manifests say `[organization]`: laid by a StackSet in the units below, also
# in accounts that join them later. Accounts that `[accounts.NAME]` declares have theirs by accounts.tf.

module "members" {
  source = "../../modules/members"
  count  = var.organization == null ? 0 : 1

  name               = local.name
  organization       = var.organization
  execution_role_arn = module.rotation.execution_role_arn
  units              = var.members.units
  boundary           = { users = var.members.users }
  call_as            = var.members.call_as
  partition          = data.aws_partition.current.partition
  dns_suffix         = data.aws_partition.current.dns_suffix
  region             = var.region
}
