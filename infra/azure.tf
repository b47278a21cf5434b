# Written by `carnet trust render` from carnet.toml. Change that, and render again.
#
# Azure: which role is whom, and what that identity reads.
#
# Rights: Managed Identity Contributor on the resource group; Role Based Access Control Administrator
# on the containers and secrets. An Azure Policy can forbid federated credentials, and Conditional Access for
# workload identities their use. A new credential takes minutes to spread, a role assignment up to ten.
#
# Entra compares issuer, subject and audience letter by letter, and takes 20 credentials an identity.

# azure.identities.asset-reader. One that exists is taken over by
#   terraform import azurerm_user_assigned_identity.asset-reader RESOURCE_ID
# where RESOURCE_ID is that of client id aaaaaaaa-1111-4222-8333-444444444444.
resource "azurerm_user_assigned_identity" "asset-reader" {
  name                = "asset-reader"
  resource_group_name = var.azure_resource_group
  location            = var.azure_location
}

resource "azurerm_federated_identity_credential" "carnet-dev-eu-central-1-blob-api" {
  name                      = "carnet-dev-eu-central-1-blob-api"
  user_assigned_identity_id = azurerm_user_assigned_identity.asset-reader.id
  issuer                    = aws_iam_outbound_web_identity_federation.account_123456789012.issuer_identifier
  subject                   = "arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-blob-api"
  audience                  = ["api://AzureADTokenExchange"]
}

resource "azurerm_federated_identity_credential" "carnet-dev-eu-central-1-operator" {
  name                      = "carnet-dev-eu-central-1-operator"
  user_assigned_identity_id = azurerm_user_assigned_identity.asset-reader.id
  issuer                    = aws_iam_outbound_web_identity_federation.account_123456789012.issuer_identifier
  subject                   = "arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-operator"
  audience                  = ["api://AzureADTokenExchange"]
}

resource "azurerm_federated_identity_credential" "carnet-prod-eu-central-1-blob-api" {
  name                      = "carnet-prod-eu-central-1-blob-api"
  user_assigned_identity_id = azurerm_user_assigned_identity.asset-reader.id
  issuer                    = aws_iam_outbound_web_identity_federation.account_123456789012.issuer_identifier
  subject                   = "arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-blob-api"
  audience                  = ["api://AzureADTokenExchange"]
}

resource "azurerm_federated_identity_credential" "carnet-prod-eu-central-1-operator" {
  name                      = "carnet-prod-eu-central-1-operator"
  user_assigned_identity_id = azurerm_user_assigned_identity.asset-reader.id
  issuer                    = aws_iam_outbound_web_identity_federation.account_123456789012.issuer_identifier
  subject                   = "arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-operator"
  audience                  = ["api://AzureADTokenExchange"]
}

resource "azurerm_federated_identity_credential" "carnet-prod-eu-west-1-blob-api" {
  name                      = "carnet-prod-eu-west-1-blob-api"
  user_assigned_identity_id = azurerm_user_assigned_identity.asset-reader.id
  issuer                    = aws_iam_outbound_web_identity_federation.account_123456789012.issuer_identifier
  subject                   = "arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-blob-api"
  audience                  = ["api://AzureADTokenExchange"]
}

resource "azurerm_federated_identity_credential" "carnet-prod-eu-west-1-operator" {
  name                      = "carnet-prod-eu-west-1-operator"
  user_assigned_identity_id = azurerm_user_assigned_identity.asset-reader.id
  issuer                    = aws_iam_outbound_web_identity_federation.account_123456789012.issuer_identifier
  subject                   = "arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-operator"
  audience                  = ["api://AzureADTokenExchange"]
}

resource "azurerm_federated_identity_credential" "carnet-staging-eu-central-1-blob-api" {
  name                      = "carnet-staging-eu-central-1-blob-api"
  user_assigned_identity_id = azurerm_user_assigned_identity.asset-reader.id
  issuer                    = aws_iam_outbound_web_identity_federation.account_123456789012.issuer_identifier
  subject                   = "arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-blob-api"
  audience                  = ["api://AzureADTokenExchange"]
}

resource "azurerm_federated_identity_credential" "carnet-staging-eu-central-1-operator" {
  name                      = "carnet-staging-eu-central-1-operator"
  user_assigned_identity_id = azurerm_user_assigned_identity.asset-reader.id
  issuer                    = aws_iam_outbound_web_identity_federation.account_123456789012.issuer_identifier
  subject                   = "arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-operator"
  audience                  = ["api://AzureADTokenExchange"]
}

# Reading, on the one container. The scope is the container's, not the account's.
resource "azurerm_role_assignment" "asset-reader-carnetdemo-assets" {
  scope                = "${var.azure_storage_account_ids["carnetdemo"]}/blobServices/default/containers/assets"
  role_definition_name = "Storage Blob Data Reader"
  principal_id         = azurerm_user_assigned_identity.asset-reader.principal_id
  principal_type       = "ServicePrincipal"
}

# azure.identities.secret-reader. One that exists is taken over by
#   terraform import azurerm_user_assigned_identity.secret-reader RESOURCE_ID
# where RESOURCE_ID is that of client id cccccccc-1111-4222-8333-444444444444.
resource "azurerm_user_assigned_identity" "secret-reader" {
  name                = "secret-reader"
  resource_group_name = var.azure_resource_group
  location            = var.azure_location
}

resource "azurerm_federated_identity_credential" "carnet-dev-eu-central-1-secret-sync" {
  name                      = "carnet-dev-eu-central-1-secret-sync"
  user_assigned_identity_id = azurerm_user_assigned_identity.secret-reader.id
  issuer                    = aws_iam_outbound_web_identity_federation.account_123456789012.issuer_identifier
  subject                   = "arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-secret-sync"
  audience                  = ["api://AzureADTokenExchange"]
}

resource "azurerm_federated_identity_credential" "carnet-prod-eu-central-1-secret-sync" {
  name                      = "carnet-prod-eu-central-1-secret-sync"
  user_assigned_identity_id = azurerm_user_assigned_identity.secret-reader.id
  issuer                    = aws_iam_outbound_web_identity_federation.account_123456789012.issuer_identifier
  subject                   = "arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-secret-sync"
  audience                  = ["api://AzureADTokenExchange"]
}

resource "azurerm_federated_identity_credential" "carnet-prod-eu-west-1-secret-sync" {
  name                      = "carnet-prod-eu-west-1-secret-sync"
  user_assigned_identity_id = azurerm_user_assigned_identity.secret-reader.id
  issuer                    = aws_iam_outbound_web_identity_federation.account_123456789012.issuer_identifier
  subject                   = "arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-secret-sync"
  audience                  = ["api://AzureADTokenExchange"]
}

resource "azurerm_federated_identity_credential" "carnet-staging-eu-central-1-secret-sync" {
  name                      = "carnet-staging-eu-central-1-secret-sync"
  user_assigned_identity_id = azurerm_user_assigned_identity.secret-reader.id
  issuer                    = aws_iam_outbound_web_identity_federation.account_123456789012.issuer_identifier
  subject                   = "arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-secret-sync"
  audience                  = ["api://AzureADTokenExchange"]
}

# Reading, of the one secret. The vault must use Azure RBAC; one with access policies does not look at it.
resource "azurerm_role_assignment" "secret-reader-carnet-demo-db-password" {
  scope                = "${var.azure_key_vault_ids["carnet-demo"]}/secrets/db-password"
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.secret-reader.principal_id
  principal_type       = "ServicePrincipal"
}

output "azure_identities" {
  description = "What [azure.identities] of carnet.toml holds"
  value = {
    asset-reader = {
      client_id = azurerm_user_assigned_identity.asset-reader.client_id
      object_id = azurerm_user_assigned_identity.asset-reader.principal_id
    }
    secret-reader = {
      client_id = azurerm_user_assigned_identity.secret-reader.client_id
      object_id = azurerm_user_assigned_identity.secret-reader.principal_id
    }
  }
}
