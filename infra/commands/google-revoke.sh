#!/bin/sh
# Written by `carnet trust render` from carnet.toml. Change that, and render again.
#
# Takes the grants away and disables the providers. Pool, providers and service accounts stay: deleted,
# their ids could not be used again for 30 days. Tokens that were given live on, for about an hour.
#
#   PROJECT=... sh commands/google-revoke.sh
#
# Rights: as for google-grant.sh.
set -eu

: "${PROJECT:?the id of project 210987654321}"
failed=0
attempt() {
  "$@" || { echo "not done: $*" >&2; failed=1; }
}

found=$(gcloud projects describe "$PROJECT" --format='value(projectNumber)')
if [ "$found" != '210987654321' ]; then
  echo "the number of $PROJECT is $found, and 210987654321 in carnet.toml" >&2
  exit 1
fi

# Reading projects/carnet-demo/secrets/api-key
attempt gcloud secrets remove-iam-policy-binding 'api-key' --project='carnet-demo' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-secret-sync' \
  --role 'roles/secretmanager.secretAccessor' \
  --condition=None
attempt gcloud secrets remove-iam-policy-binding 'api-key' --project='carnet-demo' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-secret-sync' \
  --role 'roles/secretmanager.viewer' \
  --condition=None
attempt gcloud secrets remove-iam-policy-binding 'api-key' --project='carnet-demo' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-secret-sync' \
  --role 'roles/secretmanager.secretAccessor' \
  --condition=None
attempt gcloud secrets remove-iam-policy-binding 'api-key' --project='carnet-demo' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-secret-sync' \
  --role 'roles/secretmanager.viewer' \
  --condition=None
attempt gcloud secrets remove-iam-policy-binding 'api-key' --project='carnet-demo' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-secret-sync' \
  --role 'roles/secretmanager.secretAccessor' \
  --condition=None
attempt gcloud secrets remove-iam-policy-binding 'api-key' --project='carnet-demo' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-secret-sync' \
  --role 'roles/secretmanager.viewer' \
  --condition=None
attempt gcloud secrets remove-iam-policy-binding 'api-key' --project='carnet-demo' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-secret-sync' \
  --role 'roles/secretmanager.secretAccessor' \
  --condition=None
attempt gcloud secrets remove-iam-policy-binding 'api-key' --project='carnet-demo' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-secret-sync' \
  --role 'roles/secretmanager.viewer' \
  --condition=None

# Reading gs://carnet-demo-archive
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-gcs-api' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-ingest-object' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-sync-commit' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-sync-copy' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-sync-plan' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-gcs-api' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-ingest-object' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-sync-commit' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-sync-copy' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-sync-plan' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-gcs-api' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-ingest-object' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-sync-commit' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-sync-copy' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-sync-plan' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-gcs-api' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-ingest-object' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-sync-commit' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-sync-copy' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-sync-plan' \
  --role 'roles/storage.objectViewer' \
  --condition=None
attempt gcloud storage buckets remove-iam-policy-binding 'gs://carnet-demo-archive' \
  --member 'serviceAccount:archive-reader@carnet-demo.iam.gserviceaccount.com' \
  --role 'roles/storage.objectViewer' \
  --condition=None

# google.service_accounts.archive-reader
attempt gcloud iam service-accounts remove-iam-policy-binding 'archive-reader@carnet-demo.iam.gserviceaccount.com' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-operator' \
  --role 'roles/iam.workloadIdentityUser' \
  --condition=None \
  --project='carnet-demo'
attempt gcloud iam service-accounts remove-iam-policy-binding 'archive-reader@carnet-demo.iam.gserviceaccount.com' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-operator' \
  --role 'roles/iam.workloadIdentityUser' \
  --condition=None \
  --project='carnet-demo'
attempt gcloud iam service-accounts remove-iam-policy-binding 'archive-reader@carnet-demo.iam.gserviceaccount.com' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-operator' \
  --role 'roles/iam.workloadIdentityUser' \
  --condition=None \
  --project='carnet-demo'
attempt gcloud iam service-accounts remove-iam-policy-binding 'archive-reader@carnet-demo.iam.gserviceaccount.com' \
  --member 'principal://iam.googleapis.com/projects/210987654321/locations/global/workloadIdentityPools/carnet/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-operator' \
  --role 'roles/iam.workloadIdentityUser' \
  --condition=None \
  --project='carnet-demo'

# google.providers.aws-roles
attempt gcloud iam workload-identity-pools providers update-aws 'aws-roles' \
  --workload-identity-pool='carnet' --location=global --project="$PROJECT" \
  --disabled

# google.providers.aws-tokens
attempt gcloud iam workload-identity-pools providers update-oidc 'aws-tokens' \
  --workload-identity-pool='carnet' --location=global --project="$PROJECT" \
  --disabled

# What was gone before counts as failed too: look at what is said above.
exit "$failed"
