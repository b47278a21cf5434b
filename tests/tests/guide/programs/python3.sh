# Python, as far as an environment of one's own and pip in it.
case "$*" in
  '-m venv target/tools/'*)
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    ;;
  '-m pip install --quiet --require-hashes --requirement '*) [ -f "$7" ] ;;
  *) refuse "not known here: $*" ;;
esac
