#!/bin/sh
# Written by `carnet trust render` from carnet.toml. Change that, and render again.
#
# Switches outbound federation on and makes the roles of instances, in the account that the AWS CLI
# acts in: run it once an account. May be run again. It prints the account's issuer, as a variable that
# the other clouds' scripts read:
#   issuers=$(sh commands/aws-grant.sh) && eval "$issuers"
# PERMISSIONS_BOUNDARY, if set, is the ARN of the policy that bounds the roles it makes.
#
# Rights: iam:EnableOutboundWebIdentityFederation, iam:GetOutboundWebIdentityFederationInfo; for roles
# of instances iam:GetRole, CreateRole, UpdateAssumeRolePolicy, PutRolePermissionsBoundary, TagRole,
# GetRolePolicy, PutRolePolicy, DeleteRolePolicy, PassRole, GetInstanceProfile, CreateInstanceProfile,
# TagInstanceProfile, AddRoleToInstanceProfile. A service control policy can forbid these, and
# sts:GetWebIdentityToken itself.
#
# The functions' roles are made by template.yaml.
set -eu

account=$(aws sts get-caller-identity --query Account --output text)
case "$account" in
  123456789012)
    # Asking fails while it is off. Whatever else is wrong shows when it is switched on.
    issuer=$(aws iam get-outbound-web-identity-federation-info \
      --query IssuerIdentifier --output text 2>/dev/null) ||
      issuer=$(aws iam enable-outbound-web-identity-federation \
        --query IssuerIdentifier --output text)
    echo "export ISSUER_123456789012='$issuer'"

    # instances.operator
    if aws iam get-role --role-name 'carnet-dev-eu-central-1-operator' >/dev/null 2>&1; then
      aws iam update-assume-role-policy \
        --role-name 'carnet-dev-eu-central-1-operator' \
        --policy-document '{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"}}],"Version":"2012-10-17"}'
      [ -z "${PERMISSIONS_BOUNDARY:-}" ] ||
        aws iam put-role-permissions-boundary \
          --role-name 'carnet-dev-eu-central-1-operator' \
          --permissions-boundary "$PERMISSIONS_BOUNDARY"
    else
      aws iam create-role \
        --role-name 'carnet-dev-eu-central-1-operator' \
        --description 'operator presents itself to other clouds with it' \
        --assume-role-policy-document '{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"}}],"Version":"2012-10-17"}' \
        --tags 'Key=carnet:principal,Value=operator' 'Key=carnet:stage,Value=dev' \
        ${PERMISSIONS_BOUNDARY:+--permissions-boundary "$PERMISSIONS_BOUNDARY"} \
        --query Role.Arn --output text >&2
    fi
    aws iam put-role-policy \
      --role-name 'carnet-dev-eu-central-1-operator' \
      --policy-name 'mint-proofs' \
      --policy-document '{"Version":"2012-10-17","Statement":{"Sid":"MintProofs","Effect":"Allow","Action":"sts:GetWebIdentityToken","Resource":"*","Condition":{"StringEquals":{"sts:SigningAlgorithm":"RS256"},"NumericLessThanEquals":{"sts:DurationSeconds":"300"},"Null":{"sts:IdentityTokenAudience":"false"},"ForAllValues:StringEquals":{"sts:IdentityTokenAudience":["api://AzureADTokenExchange","//iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/providers/aws-tokens"]}}}}'
    aws iam get-instance-profile --instance-profile-name 'carnet-dev-eu-central-1-operator' >/dev/null 2>&1 ||
      aws iam create-instance-profile \
        --instance-profile-name 'carnet-dev-eu-central-1-operator' \
        --tags 'Key=carnet:principal,Value=operator' 'Key=carnet:stage,Value=dev' \
        --query InstanceProfile.Arn --output text >&2
    holds=$(aws iam get-instance-profile --instance-profile-name 'carnet-dev-eu-central-1-operator' \
      --query 'InstanceProfile.Roles[].RoleName' --output text)
    [ "$holds" = 'carnet-dev-eu-central-1-operator' ] ||
      aws iam add-role-to-instance-profile \
        --instance-profile-name 'carnet-dev-eu-central-1-operator' \
        --role-name 'carnet-dev-eu-central-1-operator'

    # instances.operator
    if aws iam get-role --role-name 'carnet-prod-eu-central-1-operator' >/dev/null 2>&1; then
      aws iam update-assume-role-policy \
        --role-name 'carnet-prod-eu-central-1-operator' \
        --policy-document '{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"}}],"Version":"2012-10-17"}'
      [ -z "${PERMISSIONS_BOUNDARY:-}" ] ||
        aws iam put-role-permissions-boundary \
          --role-name 'carnet-prod-eu-central-1-operator' \
          --permissions-boundary "$PERMISSIONS_BOUNDARY"
    else
      aws iam create-role \
        --role-name 'carnet-prod-eu-central-1-operator' \
        --description 'operator presents itself to other clouds with it' \
        --assume-role-policy-document '{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"}}],"Version":"2012-10-17"}' \
        --tags 'Key=carnet:principal,Value=operator' 'Key=carnet:stage,Value=prod' \
        ${PERMISSIONS_BOUNDARY:+--permissions-boundary "$PERMISSIONS_BOUNDARY"} \
        --query Role.Arn --output text >&2
    fi
    aws iam put-role-policy \
      --role-name 'carnet-prod-eu-central-1-operator' \
      --policy-name 'mint-proofs' \
      --policy-document '{"Version":"2012-10-17","Statement":{"Sid":"MintProofs","Effect":"Allow","Action":"sts:GetWebIdentityToken","Resource":"*","Condition":{"StringEquals":{"sts:SigningAlgorithm":"RS256"},"NumericLessThanEquals":{"sts:DurationSeconds":"300"},"Null":{"sts:IdentityTokenAudience":"false"},"ForAllValues:StringEquals":{"sts:IdentityTokenAudience":["api://AzureADTokenExchange","//iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/providers/aws-tokens"]}}}}'
    aws iam get-instance-profile --instance-profile-name 'carnet-prod-eu-central-1-operator' >/dev/null 2>&1 ||
      aws iam create-instance-profile \
        --instance-profile-name 'carnet-prod-eu-central-1-operator' \
        --tags 'Key=carnet:principal,Value=operator' 'Key=carnet:stage,Value=prod' \
        --query InstanceProfile.Arn --output text >&2
    holds=$(aws iam get-instance-profile --instance-profile-name 'carnet-prod-eu-central-1-operator' \
      --query 'InstanceProfile.Roles[].RoleName' --output text)
    [ "$holds" = 'carnet-prod-eu-central-1-operator' ] ||
      aws iam add-role-to-instance-profile \
        --instance-profile-name 'carnet-prod-eu-central-1-operator' \
        --role-name 'carnet-prod-eu-central-1-operator'

    # instances.operator
    if aws iam get-role --role-name 'carnet-prod-eu-west-1-operator' >/dev/null 2>&1; then
      aws iam update-assume-role-policy \
        --role-name 'carnet-prod-eu-west-1-operator' \
        --policy-document '{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"}}],"Version":"2012-10-17"}'
      [ -z "${PERMISSIONS_BOUNDARY:-}" ] ||
        aws iam put-role-permissions-boundary \
          --role-name 'carnet-prod-eu-west-1-operator' \
          --permissions-boundary "$PERMISSIONS_BOUNDARY"
    else
      aws iam create-role \
        --role-name 'carnet-prod-eu-west-1-operator' \
        --description 'operator presents itself to other clouds with it' \
        --assume-role-policy-document '{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"}}],"Version":"2012-10-17"}' \
        --tags 'Key=carnet:principal,Value=operator' 'Key=carnet:stage,Value=prod' \
        ${PERMISSIONS_BOUNDARY:+--permissions-boundary "$PERMISSIONS_BOUNDARY"} \
        --query Role.Arn --output text >&2
    fi
    aws iam put-role-policy \
      --role-name 'carnet-prod-eu-west-1-operator' \
      --policy-name 'mint-proofs' \
      --policy-document '{"Version":"2012-10-17","Statement":{"Sid":"MintProofs","Effect":"Allow","Action":"sts:GetWebIdentityToken","Resource":"*","Condition":{"StringEquals":{"sts:SigningAlgorithm":"RS256"},"NumericLessThanEquals":{"sts:DurationSeconds":"300"},"Null":{"sts:IdentityTokenAudience":"false"},"ForAllValues:StringEquals":{"sts:IdentityTokenAudience":["api://AzureADTokenExchange","//iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/providers/aws-tokens"]}}}}'
    aws iam get-instance-profile --instance-profile-name 'carnet-prod-eu-west-1-operator' >/dev/null 2>&1 ||
      aws iam create-instance-profile \
        --instance-profile-name 'carnet-prod-eu-west-1-operator' \
        --tags 'Key=carnet:principal,Value=operator' 'Key=carnet:stage,Value=prod' \
        --query InstanceProfile.Arn --output text >&2
    holds=$(aws iam get-instance-profile --instance-profile-name 'carnet-prod-eu-west-1-operator' \
      --query 'InstanceProfile.Roles[].RoleName' --output text)
    [ "$holds" = 'carnet-prod-eu-west-1-operator' ] ||
      aws iam add-role-to-instance-profile \
        --instance-profile-name 'carnet-prod-eu-west-1-operator' \
        --role-name 'carnet-prod-eu-west-1-operator'

    # instances.operator
    if aws iam get-role --role-name 'carnet-staging-eu-central-1-operator' >/dev/null 2>&1; then
      aws iam update-assume-role-policy \
        --role-name 'carnet-staging-eu-central-1-operator' \
        --policy-document '{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"}}],"Version":"2012-10-17"}'
      [ -z "${PERMISSIONS_BOUNDARY:-}" ] ||
        aws iam put-role-permissions-boundary \
          --role-name 'carnet-staging-eu-central-1-operator' \
          --permissions-boundary "$PERMISSIONS_BOUNDARY"
    else
      aws iam create-role \
        --role-name 'carnet-staging-eu-central-1-operator' \
        --description 'operator presents itself to other clouds with it' \
        --assume-role-policy-document '{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"}}],"Version":"2012-10-17"}' \
        --tags 'Key=carnet:principal,Value=operator' 'Key=carnet:stage,Value=staging' \
        ${PERMISSIONS_BOUNDARY:+--permissions-boundary "$PERMISSIONS_BOUNDARY"} \
        --query Role.Arn --output text >&2
    fi
    aws iam put-role-policy \
      --role-name 'carnet-staging-eu-central-1-operator' \
      --policy-name 'mint-proofs' \
      --policy-document '{"Version":"2012-10-17","Statement":{"Sid":"MintProofs","Effect":"Allow","Action":"sts:GetWebIdentityToken","Resource":"*","Condition":{"StringEquals":{"sts:SigningAlgorithm":"RS256"},"NumericLessThanEquals":{"sts:DurationSeconds":"300"},"Null":{"sts:IdentityTokenAudience":"false"},"ForAllValues:StringEquals":{"sts:IdentityTokenAudience":["api://AzureADTokenExchange","//iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/providers/aws-tokens"]}}}}'
    aws iam get-instance-profile --instance-profile-name 'carnet-staging-eu-central-1-operator' >/dev/null 2>&1 ||
      aws iam create-instance-profile \
        --instance-profile-name 'carnet-staging-eu-central-1-operator' \
        --tags 'Key=carnet:principal,Value=operator' 'Key=carnet:stage,Value=staging' \
        --query InstanceProfile.Arn --output text >&2
    holds=$(aws iam get-instance-profile --instance-profile-name 'carnet-staging-eu-central-1-operator' \
      --query 'InstanceProfile.Roles[].RoleName' --output text)
    [ "$holds" = 'carnet-staging-eu-central-1-operator' ] ||
      aws iam add-role-to-instance-profile \
        --instance-profile-name 'carnet-staging-eu-central-1-operator' \
        --role-name 'carnet-staging-eu-central-1-operator'
    ;;
  *)
    echo "carnet.toml names no account $account: nothing is done" >&2
    exit 1
    ;;
esac
