#!/bin/sh
# Written by `carnet trust render` from carnet.toml. Change that, and render again.
#
# Undoes what aws-grant.sh made for instances, in the account that the AWS CLI acts in. The functions'
# roles go with their stacks. Outbound federation stays on, for others may rely on it; off it goes with
#   aws iam disable-outbound-web-identity-federation
#
# Rights: iam:GetRolePolicy, DeleteRolePolicy, RemoveRoleFromInstanceProfile, DeleteInstanceProfile, DeleteRole.
set -eu
failed=0
attempt() {
  "$@" || { echo "not done: $*" >&2; failed=1; }
}

account=$(aws sts get-caller-identity --query Account --output text)
case "$account" in
  123456789012)
    # instances.operator
    attempt aws iam delete-role-policy \
      --role-name 'carnet-dev-eu-central-1-operator' \
      --policy-name 'mint-proofs'
    attempt aws iam remove-role-from-instance-profile \
      --instance-profile-name 'carnet-dev-eu-central-1-operator' \
      --role-name 'carnet-dev-eu-central-1-operator'
    attempt aws iam delete-instance-profile --instance-profile-name 'carnet-dev-eu-central-1-operator'
    attempt aws iam delete-role --role-name 'carnet-dev-eu-central-1-operator'
    # instances.operator
    attempt aws iam delete-role-policy \
      --role-name 'carnet-prod-eu-central-1-operator' \
      --policy-name 'mint-proofs'
    attempt aws iam remove-role-from-instance-profile \
      --instance-profile-name 'carnet-prod-eu-central-1-operator' \
      --role-name 'carnet-prod-eu-central-1-operator'
    attempt aws iam delete-instance-profile --instance-profile-name 'carnet-prod-eu-central-1-operator'
    attempt aws iam delete-role --role-name 'carnet-prod-eu-central-1-operator'
    # instances.operator
    attempt aws iam delete-role-policy \
      --role-name 'carnet-prod-eu-west-1-operator' \
      --policy-name 'mint-proofs'
    attempt aws iam remove-role-from-instance-profile \
      --instance-profile-name 'carnet-prod-eu-west-1-operator' \
      --role-name 'carnet-prod-eu-west-1-operator'
    attempt aws iam delete-instance-profile --instance-profile-name 'carnet-prod-eu-west-1-operator'
    attempt aws iam delete-role --role-name 'carnet-prod-eu-west-1-operator'
    # instances.operator
    attempt aws iam delete-role-policy \
      --role-name 'carnet-staging-eu-central-1-operator' \
      --policy-name 'mint-proofs'
    attempt aws iam remove-role-from-instance-profile \
      --instance-profile-name 'carnet-staging-eu-central-1-operator' \
      --role-name 'carnet-staging-eu-central-1-operator'
    attempt aws iam delete-instance-profile --instance-profile-name 'carnet-staging-eu-central-1-operator'
    attempt aws iam delete-role --role-name 'carnet-staging-eu-central-1-operator'
    ;;
  *)
    echo "carnet.toml names no account $account: nothing is done" >&2
    exit 1
    ;;
esac

# What was gone before counts as failed too: look at what is said above.
exit "$failed"
