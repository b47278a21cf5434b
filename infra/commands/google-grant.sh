#!/bin/sh
# Written by `carnet trust render` from carnet.toml. Change that, and render again.
#
# Makes the pool, its providers and service accounts, and grants what is read. May be run again.
#
#   PROJECT=... sh commands/google-grant.sh
#
# Rights: roles/iam.workloadIdentityPoolAdmin, roles/iam.serviceAccountAdmin and
# roles/serviceusage.serviceUsageAdmin on the project, roles/storage.admin on the buckets,
# roles/secretmanager.admin on the secrets. Organisation policies that may have to allow it:
# constraints/iam.workloadIdentityPoolProviders (the issuer of an OIDC provider) and
# constraints/iam.workloadIdentityPoolAwsAccounts (the account of an AWS provider).
#
# The buckets need uniform bucket-level access. A pool or provider that was deleted less than 30 days
# ago must be brought back with `undelete` first: its id cannot be used again.
set -eu

: "${PROJECT:?the id of project 210987654321}"
: "${ISSUER_123456789012:?what commands/aws-grant.sh prints for this account}"

found=$(gcloud projects describe "$PROJECT" --format='value(projectNumber)')
if [ "$found" != '210987654321' ]; then
  echo "the number of $PROJECT is $found, and 210987654321 in carnet.toml" >&2
  exit 1
fi

# The services it goes through
gcloud services enable \
  iam.googleapis.com sts.googleapis.com iamcredentials.googleapis.com storage.googleapis.com secretmanager.googleapis.com \
  --project="$PROJECT"

# google.pool
gcloud iam workload-identity-pools describe 'carnet' --location=global --project="$PROJECT" >/dev/null 2>&1 ||
  gcloud iam workload-identity-pools create 'carnet' --location=global --project="$PROJECT"

# google.providers.aws-roles
if gcloud iam workload-identity-pools providers describe 'aws-roles' \
  --workload-identity-pool='carnet' --location=global --project="$PROJECT" >/dev/null 2>&1; then
  gcloud iam workload-identity-pools providers update-aws 'aws-roles' \
    --attribute-mapping='google.subject=assertion.account + '\'':'\'' + assertion.arn.extract('\''assumed-role/{role}/'\'')' \
    --attribute-condition='' \
    --account-id='123456789012' \
    --workload-identity-pool='carnet' --location=global --project="$PROJECT" \
    --no-disabled
else
  gcloud iam workload-identity-pools providers create-aws 'aws-roles' \
    --attribute-mapping='google.subject=assertion.account + '\'':'\'' + assertion.arn.extract('\''assumed-role/{role}/'\'')' \
    --attribute-condition='' \
    --account-id='123456789012' \
    --workload-identity-pool='carnet' --location=global --project="$PROJECT"
fi

# google.providers.aws-tokens
if gcloud iam workload-identity-pools providers describe 'aws-tokens' \
  --workload-identity-pool='carnet' --location=global --project="$PROJECT" >/dev/null 2>&1; then
  gcloud iam workload-identity-pools providers update-oidc 'aws-tokens' \
    --attribute-mapping='google.subject=assertion.sub' \
    --attribute-condition='' \
    --issuer-uri="$ISSUER_123456789012" \
    --workload-identity-pool='carnet' --location=global --project="$PROJECT" \
    --no-disabled
  found=$(gcloud iam workload-identity-pools providers describe 'aws-tokens' \
    --workload-identity-pool='carnet' --location=global --project="$PROJECT" --format='value(oidc.allowedAudiences)')
  if [ -n "$found" ]; then
    echo "google.providers.aws-tokens allows the audiences $found, and only its own name in carnet.toml: take them away" >&2
    exit 1
  fi
else
  gcloud iam workload-identity-pools providers create-oidc 'aws-tokens' \
    --attribute-mapping='google.subject=assertion.sub' \
    --attribute-condition='' \
    --issuer-uri="$ISSUER_123456789012" \
    --workload-identity-pool='carnet' --location=global --project="$PROJECT"
fi

# google.service_accounts.archive-reader
gcloud iam service-accounts describe 'archive-reader@carnet-demo.iam.gserviceaccount.com' --project='carnet-demo' >/dev/null 2>&1 ||
  gcloud iam service-accounts create 'archive-reader' --project='carnet-demo'
gcloud iam service-accounts add-iam-policy-binding 'archive-reader@carnet-demo.iam.gserviceaccount.com' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-operator' \
  --role 'roles/iam.workloadIdentityUser' \
  --condition=None \
  --project='carnet-demo'
gcloud iam service-accounts add-iam-policy-binding 'archive-reader@carnet-demo.iam.gserviceaccount.com' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-operator' \
  --role 'roles/iam.workloadIdentityUser' \
  --condition=None \
  --project='carnet-demo'
gcloud iam service-accounts add-iam-policy-binding 'archive-reader@carnet-demo.iam.gserviceaccount.com' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-operator' \
  --role 'roles/iam.workloadIdentityUser' \
  --condition=None \
  --project='carnet-demo'
gcloud iam service-accounts add-iam-policy-binding 'archive-reader@carnet-demo.iam.gserviceaccount.com' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-operator' \
  --role 'roles/iam.workloadIdentityUser' \
  --condition=None \
  --project='carnet-demo'

# Reading gs://carnet-demo-archive
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-gcs-api' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-ingest-object' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-sync-commit' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-sync-copy' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-sync-plan' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-gcs-api' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-ingest-object' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-sync-commit' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-sync-copy' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-sync-plan' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-gcs-api' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-ingest-object' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-sync-commit' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-sync-copy' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-sync-plan' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-gcs-api' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-ingest-object' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-sync-commit' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-sync-copy' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-sync-plan' \
  --role 'roles/storage.objectViewer' \
  --condition=None
gcloud storage buckets add-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'serviceAccount:archive-reader@carnet-demo.iam.gserviceaccount.com' \
  --role 'roles/storage.objectViewer' \
  --condition=None

# Reading projects/carnet-demo/secrets/api-key
gcloud secrets add-iam-policy-binding 'api-key' --project='carnet-demo' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-secret-sync' \
  --role 'roles/secretmanager.secretAccessor' \
  --condition=None
gcloud secrets add-iam-policy-binding 'api-key' --project='carnet-demo' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-secret-sync' \
  --role 'roles/secretmanager.viewer' \
  --condition=None
gcloud secrets add-iam-policy-binding 'api-key' --project='carnet-demo' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-secret-sync' \
  --role 'roles/secretmanager.secretAccessor' \
  --condition=None
gcloud secrets add-iam-policy-binding 'api-key' --project='carnet-demo' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-secret-sync' \
  --role 'roles/secretmanager.viewer' \
  --condition=None
gcloud secrets add-iam-policy-binding 'api-key' --project='carnet-demo' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-secret-sync' \
  --role 'roles/secretmanager.secretAccessor' \
  --condition=None
gcloud secrets add-iam-policy-binding 'api-key' --project='carnet-demo' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-secret-sync' \
  --role 'roles/secretmanager.viewer' \
  --condition=None
gcloud secrets add-iam-policy-binding 'api-key' --project='carnet-demo' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-secret-sync' \
  --role 'roles/secretmanager.secretAccessor' \
  --condition=None
gcloud secrets add-iam-policy-binding 'api-key' --project='carnet-demo' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-secret-sync' \
  --role 'roles/secretmanager.viewer' \
  --condition=None
