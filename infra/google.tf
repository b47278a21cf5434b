# Written by `carnet trust render` from carnet.toml. Change that, and render again.
#
# Google Cloud: whose proofs the pool takes, as whom, and what they read.
#
# Rights: roles/iam.workloadIdentityPoolAdmin and roles/iam.serviceAccountAdmin on the project,
# roles/storage.admin on the buckets, roles/secretmanager.admin on the secrets. Organisation policies
# that may have to allow it:
# constraints/iam.workloadIdentityPoolProviders (the issuer of an OIDC provider) and
# constraints/iam.workloadIdentityPoolAwsAccounts (the account of an AWS provider).
#
# The buckets need uniform bucket-level access: without it a federated identity cannot read. A pool or
# provider that is deleted keeps its id for 30 days.

# The project whose number carnet.toml names, and no other.
data "google_project" "carnet" {
  project_id = var.google_project_id

  lifecycle {
    postcondition {
      condition     = self.number == "210987654321"
      error_message = "google_project_id is another project than google.project_number of carnet.toml."
    }
  }
}

# google.pool. One an environment, as Google advises.
resource "google_iam_workload_identity_pool" "carnet" {
  project                   = data.google_project.carnet.project_id
  workload_identity_pool_id = "carnet"
}

# google.providers.aws-roles takes the signed GetCallerIdentity requests of AWS account 123456789012.
# Without a condition every role of the account may exchange; it reads only what its subject is granted.
resource "google_iam_workload_identity_pool_provider" "aws-roles" {
  project                            = data.google_project.carnet.project_id
  workload_identity_pool_id          = google_iam_workload_identity_pool.carnet.workload_identity_pool_id
  workload_identity_pool_provider_id = "aws-roles"
  attribute_mapping = {
    "google.subject" = "assertion.account + ':' + assertion.arn.extract('assumed-role/{role}/')"
  }

  aws {
    account_id = "123456789012"
  }
}

# google.providers.aws-tokens takes the outbound tokens of AWS account 123456789012.
# Without a condition every role of the account may exchange; it reads only what its subject is granted.
resource "google_iam_workload_identity_pool_provider" "aws-tokens" {
  project                            = data.google_project.carnet.project_id
  workload_identity_pool_id          = google_iam_workload_identity_pool.carnet.workload_identity_pool_id
  workload_identity_pool_provider_id = "aws-tokens"
  attribute_mapping = {
    "google.subject" = "assertion.sub"
  }

  oidc {
    issuer_uri = aws_iam_outbound_web_identity_federation.account_123456789012.issuer_identifier
  }
}

# google.service_accounts.archive-reader
resource "google_service_account" "archive-reader" {
  project      = "carnet-demo"
  account_id   = "archive-reader"
  display_name = "carnet archive-reader"
}

resource "google_service_account_iam_member" "archive-reader-carnet-dev-eu-central-1-operator" {
  service_account_id = google_service_account.archive-reader.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-operator"
}

resource "google_service_account_iam_member" "archive-reader-carnet-prod-eu-central-1-operator" {
  service_account_id = google_service_account.archive-reader.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-operator"
}

resource "google_service_account_iam_member" "archive-reader-carnet-prod-eu-west-1-operator" {
  service_account_id = google_service_account.archive-reader.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-operator"
}

resource "google_service_account_iam_member" "archive-reader-carnet-staging-eu-central-1-operator" {
  service_account_id = google_service_account.archive-reader.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-operator"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-dev-eu-central-1-gcs-api" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-gcs-api"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-dev-eu-central-1-ingest-object" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-ingest-object"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-dev-eu-central-1-sync-commit" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-sync-commit"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-dev-eu-central-1-sync-copy" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-sync-copy"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-dev-eu-central-1-sync-plan" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-sync-plan"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-prod-eu-central-1-gcs-api" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-gcs-api"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-prod-eu-central-1-ingest-object" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-ingest-object"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-prod-eu-central-1-sync-commit" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-sync-commit"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-prod-eu-central-1-sync-copy" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-sync-copy"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-prod-eu-central-1-sync-plan" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-sync-plan"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-prod-eu-west-1-gcs-api" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-gcs-api"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-prod-eu-west-1-ingest-object" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-ingest-object"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-prod-eu-west-1-sync-commit" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-sync-commit"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-prod-eu-west-1-sync-copy" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-sync-copy"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-prod-eu-west-1-sync-plan" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-sync-plan"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-staging-eu-central-1-gcs-api" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-gcs-api"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-staging-eu-central-1-ingest-object" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-ingest-object"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-staging-eu-central-1-sync-commit" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-sync-commit"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-staging-eu-central-1-sync-copy" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-sync-copy"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-carnet-staging-eu-central-1-sync-plan" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-sync-plan"
}

resource "google_storage_bucket_iam_member" "carnet-demo-archive-archive-reader" {
  bucket = "carnet-demo-archive"
  role   = "roles/storage.objectViewer"
  member = google_service_account.archive-reader.member
}

resource "google_secret_manager_secret_iam_member" "api-key-secretAccessor-carnet-dev-eu-central-1-secret-sync" {
  secret_id = "projects/carnet-demo/secrets/api-key"
  role      = "roles/secretmanager.secretAccessor"
  member    = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-secret-sync"
}

resource "google_secret_manager_secret_iam_member" "api-key-viewer-carnet-dev-eu-central-1-secret-sync" {
  secret_id = "projects/carnet-demo/secrets/api-key"
  role      = "roles/secretmanager.viewer"
  member    = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-dev-eu-central-1-secret-sync"
}

resource "google_secret_manager_secret_iam_member" "api-key-secretAccessor-carnet-prod-eu-central-1-secret-sync" {
  secret_id = "projects/carnet-demo/secrets/api-key"
  role      = "roles/secretmanager.secretAccessor"
  member    = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-secret-sync"
}

resource "google_secret_manager_secret_iam_member" "api-key-viewer-carnet-prod-eu-central-1-secret-sync" {
  secret_id = "projects/carnet-demo/secrets/api-key"
  role      = "roles/secretmanager.viewer"
  member    = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-central-1-secret-sync"
}

resource "google_secret_manager_secret_iam_member" "api-key-secretAccessor-carnet-prod-eu-west-1-secret-sync" {
  secret_id = "projects/carnet-demo/secrets/api-key"
  role      = "roles/secretmanager.secretAccessor"
  member    = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-secret-sync"
}

resource "google_secret_manager_secret_iam_member" "api-key-viewer-carnet-prod-eu-west-1-secret-sync" {
  secret_id = "projects/carnet-demo/secrets/api-key"
  role      = "roles/secretmanager.viewer"
  member    = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-prod-eu-west-1-secret-sync"
}

resource "google_secret_manager_secret_iam_member" "api-key-secretAccessor-carnet-staging-eu-central-1-secret-sync" {
  secret_id = "projects/carnet-demo/secrets/api-key"
  role      = "roles/secretmanager.secretAccessor"
  member    = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-secret-sync"
}

resource "google_secret_manager_secret_iam_member" "api-key-viewer-carnet-staging-eu-central-1-secret-sync" {
  secret_id = "projects/carnet-demo/secrets/api-key"
  role      = "roles/secretmanager.viewer"
  member    = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.carnet.name}/subject/arn:aws:iam::123456789012:role/carnet-staging-eu-central-1-secret-sync"
}

output "google_audiences" {
  description = "By provider: CARNET_GOOGLE_AUDIENCE, and the template's GoogleAudience"
  value = {
    aws-roles  = "//iam.googleapis.com/${google_iam_workload_identity_pool_provider.aws-roles.name}"
    aws-tokens = "//iam.googleapis.com/${google_iam_workload_identity_pool_provider.aws-tokens.name}"
  }
}
