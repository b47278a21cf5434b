# Written by `carnet trust render` from carnet.toml. Change that, and render again.
#
# What carnet.toml does not say: where in each cloud things are made.

variable "aws_permissions_boundary" {
  type        = string
  description = "The ARN of a policy that bounds the roles made here; null for none"
  default     = null
}

variable "azure_subscription_id" {
  type        = string
  description = "Where the managed identities are"
}

variable "azure_resource_group" {
  type        = string
  description = "The managed identities' resource group"
}

variable "azure_location" {
  type        = string
  description = "The managed identities' location"
}

# Ids and no data source: that would read the accounts' keys into the state.
variable "azure_storage_account_ids" {
  type        = map(string)
  description = "Storage account to its resource id: az storage account show --name NAME --query id"
}

variable "azure_key_vault_ids" {
  type        = map(string)
  description = "Key vault to its resource id: az keyvault show --name NAME --query id"
}

variable "google_project_id" {
  type        = string
  description = "The id of project 210987654321"
}
