#!/bin/sh
# Written by `carnet trust render` from carnet.toml. Change that, and render again.
#
# Lets the roles in no more, and takes the identities' reading away. The identities stay: made again,
# they would have other ids. Tokens that were given live on, for about an hour.
#
#   RESOURCE_GROUP=... sh commands/azure-revoke.sh
#
# Rights: as for azure-grant.sh.
set -eu

: "${RESOURCE_GROUP:?the resource group of the managed identities}"
failed=0
attempt() {
  "$@" || { echo "not done: $*" >&2; failed=1; }
}

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

# azure.identities.asset-reader; it goes with: az identity delete --name 'asset-reader'
attempt az identity federated-credential delete \
  --name 'carnet-dev-eu-central-1-blob-api' \
  --identity-name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --yes
attempt az identity federated-credential delete \
  --name 'carnet-dev-eu-central-1-operator' \
  --identity-name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --yes
attempt az identity federated-credential delete \
  --name 'carnet-prod-eu-central-1-blob-api' \
  --identity-name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --yes
attempt az identity federated-credential delete \
  --name 'carnet-prod-eu-central-1-operator' \
  --identity-name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --yes
attempt az identity federated-credential delete \
  --name 'carnet-prod-eu-west-1-blob-api' \
  --identity-name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --yes
attempt az identity federated-credential delete \
  --name 'carnet-prod-eu-west-1-operator' \
  --identity-name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --yes
attempt az identity federated-credential delete \
  --name 'carnet-staging-eu-central-1-blob-api' \
  --identity-name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --yes
attempt az identity federated-credential delete \
  --name 'carnet-staging-eu-central-1-operator' \
  --identity-name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --yes
object_id=$(az identity show --name 'asset-reader' \
  --resource-group "$RESOURCE_GROUP" --query principalId --output tsv)
scope=$(az storage account show --name 'carnetdemo' --query id --output tsv)
scope=$scope'/blobServices/default/containers/assets'
attempt az role assignment delete \
  --assignee "$object_id" \
  --role 'Storage Blob Data Reader' \
  --scope "$scope"

# azure.identities.secret-reader; it goes with: az identity delete --name 'secret-reader'
attempt az identity federated-credential delete \
  --name 'carnet-dev-eu-central-1-secret-sync' \
  --identity-name 'secret-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --yes
attempt az identity federated-credential delete \
  --name 'carnet-prod-eu-central-1-secret-sync' \
  --identity-name 'secret-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --yes
attempt az identity federated-credential delete \
  --name 'carnet-prod-eu-west-1-secret-sync' \
  --identity-name 'secret-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --yes
attempt az identity federated-credential delete \
  --name 'carnet-staging-eu-central-1-secret-sync' \
  --identity-name 'secret-reader' \
  --resource-group "$RESOURCE_GROUP" \
  --yes
object_id=$(az identity show --name 'secret-reader' \
  --resource-group "$RESOURCE_GROUP" --query principalId --output tsv)
scope=$(az keyvault show --name 'carnet-demo' --query id --output tsv)
scope=$scope'/secrets/db-password'
attempt az role assignment delete \
  --assignee "$object_id" \
  --role 'Key Vault Secrets User' \
  --scope "$scope"

# What was gone before counts as failed too: look at what is said above.
exit "$failed"
