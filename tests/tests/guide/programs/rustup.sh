[ "$*" = 'target add aarch64-unknown-linux-gnu' ] || refuse "not known here: $*"
