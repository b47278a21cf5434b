# Copying to the instance, which is a folder here.
mkdir -p "$GUIDE/instance"
for file; do
  case $file in
    ec2-user@203.0.113.10:) ;;
    *) cp "$file" "$GUIDE/instance/" ;;
  esac
done
