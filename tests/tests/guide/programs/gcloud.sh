# The Google Cloud CLI.
case "$*" in
  'auth login') ;;
  'projects describe my-project --format=value(projectNumber)') echo 210987654321 ;;
  'services enable '*' --project=my-project') ;;
  'iam workload-identity-pools describe '*) made "pool-$4" || refuse 'NOT_FOUND' ;;
  'iam workload-identity-pools create '*) make "pool-$4" ;;
  'iam workload-identity-pools providers describe '*) made "provider-$5" || refuse 'NOT_FOUND' ;;
  'iam workload-identity-pools providers create-oidc '* | 'iam workload-identity-pools providers create-aws '*)
    made "pool-$(option --workload-identity-pool "$@")" || refuse 'NOT_FOUND'
    ! made "provider-$5" || refuse 'ALREADY_EXISTS'
    make "provider-$5"
    ;;
  'iam workload-identity-pools providers update-oidc '* | 'iam workload-identity-pools providers update-aws '*)
    made "provider-$5" || refuse 'NOT_FOUND'
    ;;
  'storage buckets add-iam-policy-binding '* | 'storage buckets remove-iam-policy-binding '*) ;;
  *) refuse "not known here: $*" ;;
esac
