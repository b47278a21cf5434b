# The Azure CLI.
case "$*" in
  login) ;;
  'account show --query id --output tsv') echo 99999999-2222-4333-8444-555555555555 ;;
  'cloud show --query name --output tsv') echo AzureCloud ;;
  'account show --query tenantId --output tsv') echo 11111111-2222-4333-8444-555555555555 ;;
  'identity create '*) make "identity-$(option --name "$@")" ;;
  'identity show '*' --query clientId --output tsv')
    made "identity-$(option --name "$@")" || refuse 'ResourceNotFound'
    echo aaaaaaaa-1111-4222-8333-444444444444
    ;;
  'identity show '*' --query principalId --output tsv')
    made "identity-$(option --name "$@")" || refuse 'ResourceNotFound'
    echo bbbbbbbb-1111-4222-8333-444444444444
    ;;
  'identity federated-credential create '*) made "identity-$(option --identity-name "$@")" || refuse 'ParentResourceNotFound' ;;
  'identity federated-credential delete '*' --yes') ;;
  'storage account show --name mystorage --query id --output tsv')
    echo /subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/mystorage
    ;;
  'role assignment create '* | 'role assignment delete '*) ;;
  *) refuse "not known here: $*" ;;
esac
