# The SAM CLI. That its stages are in samconfig.toml and its parameters where that says is looked at afterwards.
case "$*" in
  build) [ -f template.yaml ] && make built ;;
  'deploy --config-env dev --region eu-central-1')
    made built || refuse 'nothing is built'
    make deployed
    ;;
  'delete --stack-name carnet-dev --region eu-central-1 --no-prompts') made deployed || refuse 'Stack carnet-dev does not exist' ;;
  *) refuse "not known here: $*" ;;
esac
