# shellcheck shell=sh disable=SC2154 # eval sets it
# Sourced by the programs that start servers: a variable NAME_FILE that names a file of
# /run/secrets gives NAME its value, for programs that know no files.
for name in $(env | sed -n 's|^\([A-Z0-9_]*\)_FILE=/run/secrets/.*|\1|p'); do
    eval "file=\$${name}_FILE"
    value=$(cat "$file") || exit 1
    export "$name=$value"
done
unset name file value
