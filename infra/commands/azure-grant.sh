#!/bin/sh
# Written by `carnet trust render` from carnet.toml. Change that, and render again.
#
# Makes the managed identities, lets the roles in as them, and lets them read the containers. May be
# run again. It prints what [azure.identities] of carnet.toml is to hold.
#
#   RESOURCE_GROUP=... LOCATION=... sh commands/azure-grant.sh
#
# Rights: Managed Identity Contributor on the resource group; Role Based Access Control Administrator
# on the containers and secrets; reading the storage accounts and vaults. An Azure Policy can forbid federated credentials,
# and Conditional Access for workload identities their use. A new credential takes minutes to spread, a
# role assignment up to ten.
set -eu

: "${RESOURCE_GROUP:?the resource group of the managed identities}"
: "${LOCATION:?where the managed identities are, e.g. westeurope}"
: "${ISSUER_123456789012:?what commands/aws-grant.sh prints for this account}"

found=$(az cloud show --query name --output tsv)
if [ "$found" != 'AzureCloud' ]; then
  echo "the cloud of the Azure CLI is $found, and AzureCloud in carnet.toml" >&2
  exit 1
fi
found=$(az account show --query tenantId --output tsv)
if [ "$found" != '11111111-2222-4333-8444-555555555555' ]; then
  echo "the tenant of the Azure CLI is $found, and 11111111-2222-4333-8444-555555555555 in carnet.toml" >&2
  exit 1
fi

# azure.identities.asset-reader
az identity create \
  --name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --location "$LOCATION" \
  --output none
client_id=$(az identity show --name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" --query clientId --output tsv)
object_id=$(az identity show --name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" --query principalId --output tsv)
echo "azure.identities.asset-reader: client_id = $client_id, object_id = $object_id"
az identity federated-credential create \
  --name 'carnet-dev-eu-central-1-blob-api' \
  --identity-name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --issuer "$ISSUER_123456789012" \
  --subject 'arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-blob-api' \
  --audiences 'api://AzureADTokenExchange' \
  --output none
az identity federated-credential create \
  --name 'carnet-dev-eu-central-1-operator' \
  --identity-name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --issuer "$ISSUER_123456789012" \
  --subject 'arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-operator' \
  --audiences 'api://AzureADTokenExchange' \
  --output none
az identity federated-credential create \
  --name 'carnet-prod-eu-central-1-blob-api' \
  --identity-name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --issuer "$ISSUER_123456789012" \
  --subject 'arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-blob-api' \
  --audiences 'api://AzureADTokenExchange' \
  --output none
az identity federated-credential create \
  --name 'carnet-prod-eu-central-1-operator' \
  --identity-name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --issuer "$ISSUER_123456789012" \
  --subject 'arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-operator' \
  --audiences 'api://AzureADTokenExchange' \
  --output none
az identity federated-credential create \
  --name 'carnet-prod-eu-west-1-blob-api' \
  --identity-name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --issuer "$ISSUER_123456789012" \
  --subject 'arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-blob-api' \
  --audiences 'api://AzureADTokenExchange' \
  --output none
az identity federated-credential create \
  --name 'carnet-prod-eu-west-1-operator' \
  --identity-name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --issuer "$ISSUER_123456789012" \
  --subject 'arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-operator' \
  --audiences 'api://AzureADTokenExchange' \
  --output none
az identity federated-credential create \
  --name 'carnet-staging-eu-central-1-blob-api' \
  --identity-name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --issuer "$ISSUER_123456789012" \
  --subject 'arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-blob-api' \
  --audiences 'api://AzureADTokenExchange' \
  --output none
az identity federated-credential create \
  --name 'carnet-staging-eu-central-1-operator' \
  --identity-name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --issuer "$ISSUER_123456789012" \
  --subject 'arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-operator' \
  --audiences 'api://AzureADTokenExchange' \
  --output none
scope=$(az storage account show --name 'carnetdemo' --query id --output tsv)
scope=$scope'/blobServices/default/containers/assets'
az role assignment create \
  --assignee-object-id "$object_id" \
  --assignee-principal-type ServicePrincipal \
  --role 'Storage Blob Data Reader' \
  --scope "$scope" \
  --output none

# azure.identities.secret-reader
az identity create \
  --name 'secret-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --location "$LOCATION" \
  --output none
client_id=$(az identity show --name 'secret-reader' \
  --resource-group "$RESOURCE_GROUP" --query clientId --output tsv)
object_id=$(az identity show --name 'secret-reader' \
  --resource-group "$RESOURCE_GROUP" --query principalId --output tsv)
echo "azure.identities.secret-reader: client_id = $client_id, object_id = $object_id"
az identity federated-credential create \
  --name 'carnet-dev-eu-central-1-secret-sync' \
  --identity-name 'secret-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --issuer "$ISSUER_123456789012" \
  --subject 'arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-secret-sync' \
  --audiences 'api://AzureADTokenExchange' \
  --output none
az identity federated-credential create \
  --name 'carnet-prod-eu-central-1-secret-sync' \
  --identity-name 'secret-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --issuer "$ISSUER_123456789012" \
  --subject 'arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-secret-sync' \
  --audiences 'api://AzureADTokenExchange' \
  --output none
az identity federated-credential create \
  --name 'carnet-prod-eu-west-1-secret-sync' \
  --identity-name 'secret-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --issuer "$ISSUER_123456789012" \
  --subject 'arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-secret-sync' \
  --audiences 'api://AzureADTokenExchange' \
  --output none
az identity federated-credential create \
  --name 'carnet-staging-eu-central-1-secret-sync' \
  --identity-name 'secret-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --issuer "$ISSUER_123456789012" \
  --subject 'arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-secret-sync' \
  --audiences 'api://AzureADTokenExchange' \
  --output none
scope=$(az keyvault show --name 'carnet-demo' --query id --output tsv)
scope=$scope'/secrets/db-password'
az role assignment create \
  --assignee-object-id "$object_id" \
  --assignee-principal-type ServicePrincipal \
  --role 'Key Vault Secrets User' \
  --scope "$scope" \
  --output none
