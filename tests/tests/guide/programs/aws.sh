# The AWS CLI: what the guide and the scripts read of it, and whether what they name is there yet.
case "$*" in
  'sts get-caller-identity --query Account --output text') echo 123456789012 ;;
  'iam get-outbound-web-identity-federation-info --query IssuerIdentifier --output text')
    made federation || refuse 'FeatureDisabled'
    echo "$ISSUER"
    ;;
  'iam enable-outbound-web-identity-federation --query IssuerIdentifier --output text')
    ! made federation || refuse 'FeatureEnabled'
    make federation
    echo "$ISSUER"
    ;;
  'iam get-role --role-name '*) made "role-$4" || refuse 'NoSuchEntity' ;;
  'iam create-role '*'--query Role.Arn --output text'*)
    role=$(option --role-name "$@")
    ! made "role-$role" || refuse 'EntityAlreadyExists'
    make "role-$role"
    echo "arn:aws:iam::123456789012:role/$role"
    ;;
  'iam update-assume-role-policy '* | 'iam put-role-policy '* | 'iam attach-role-policy '* | 'iam wait role-exists '*)
    made "role-$(option --role-name "$@")" || refuse 'NoSuchEntity'
    ;;
  'iam delete-role-policy '* | 'iam delete-role '* | 'iam remove-role-from-instance-profile '*)
    made "role-$(option --role-name "$@")" || refuse 'NoSuchEntity'
    ;;
  'iam get-instance-profile '*'--query InstanceProfile.Roles[].RoleName --output text')
    made "filled-$4" || exit 0
    echo "$4"
    ;;
  'iam get-instance-profile --instance-profile-name '*) made "profile-$4" || refuse 'NoSuchEntity' ;;
  'iam create-instance-profile '*) make "profile-$(option --instance-profile-name "$@")" ;;
  'iam add-role-to-instance-profile '*) make "filled-$(option --instance-profile-name "$@")" ;;
  'iam delete-instance-profile '*) made "profile-$(option --instance-profile-name "$@")" || refuse 'NoSuchEntity' ;;
  'apigateway get-account --query cloudwatchRoleArn --output text') echo None ;;
  'apigateway update-account --patch-operations op=replace,path=/cloudwatchRoleArn,value=arn:aws:iam::123456789012:role/'*)
    made "role-${4##*/}" || refuse 'The role ARN does not have required permissions'
    ;;
  'ec2 associate-iam-instance-profile --instance-id i-0123456789abcdef0 --iam-instance-profile Name='*)
    made "profile-${6#Name=}" || refuse 'Invalid IAM Instance Profile name'
    ;;
  'configure export-credentials --format env')
    echo 'export AWS_ACCESS_KEY_ID=AKIAEXAMPLE'
    echo 'export AWS_SECRET_ACCESS_KEY=example'
    ;;
  "cloudformation describe-stacks --stack-name carnet-dev --output text --query Stacks[0].Outputs[?OutputKey=='ApiUrl'].OutputValue")
    made deployed || refuse 'Stack with id carnet-dev does not exist'
    echo "$API_URL"
    ;;
  'lambda invoke --function-name carnet-dev-'*' --cli-binary-format raw-in-base64-out --payload {"carnet":"doctor"} /dev/stdout')
    made deployed || refuse 'ResourceNotFoundException'
    ;;
  *) refuse "not known here: $*" ;;
esac
