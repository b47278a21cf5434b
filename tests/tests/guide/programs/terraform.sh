# Terraform: whether it would ask for a variable.
case "$*" in
  '-chdir=infra init' | '-chdir=infra output') ;;
  '-chdir=infra apply')
    needed=$(awk '/^variable/ { name = $2; given = 0 } / default / { given = 1 } /^}/ { if (!given) print name }' infra/variables.tf)
    for name in $(echo "$needed" | tr -d '"'); do
      printenv "TF_VAR_$name" >/dev/null || refuse "asks for var.$name"
    done
    ;;
  *) refuse "not known here: $*" ;;
esac
