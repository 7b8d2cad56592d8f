#!/bin/sh
# shellcheck disable=SC2016 # the variables are nginx's
# Runs before nginx starts and writes what depends on the deployment: HTTPS where there is a
# certificate, the host of PUBLIC_URL, and the credentials that the servers behind it ask for.
set -eu
ssl=/etc/nginx/ssl
secrets=/run/secrets
conf=/etc/nginx/conf.d

public_url=${PUBLIC_URL:-}
public_host=${public_url#*://}
case $public_host in
    */*) echo "PUBLIC_URL=$public_url must be scheme://host or scheme://host:port, without a path." >&2; exit 1 ;;
esac
port_suffix=""
[ "${HTTPS_PORT:-443}" = 443 ] || port_suffix=":$HTTPS_PORT"

basic() { # USER:PASSWORD
    printf 'Basic %s' "$(printf '%s' "$1" | base64 | tr -d '\n')"
}

operator=$(cat "$secrets/operator_password")
case $operator in
    *:*) echo "OPERATOR_PASSWORD must not hold a colon." >&2; exit 1 ;;
esac
umask 077
printf 'operator:{PLAIN}%s\n' "$operator" > "$conf/operator"
chown nginx "$conf/operator" # the workers read it at each request
{
    echo "map '' \$mlflow_authorization { default '$(basic "admin:$(cat "$secrets/mlflow_admin_password")")'; }"
    echo "map '' \$prefect_authorization { default '$(basic "$(cat "$secrets/prefect_api_auth_string")")'; }"
} > "$conf/00-credentials.conf"

{
    echo 'include /etc/nginx/problems.conf;'
    echo 'limit_req_zone $binary_remote_addr zone=api:10m rate=50r/s;'
    echo 'limit_req_zone $binary_remote_addr zone=pages:10m rate=50r/s;'
    echo 'limit_req_status 429;'
    echo 'server_tokens off;'
    # The root file system is read-only.
    for kind in client_body proxy fastcgi uwsgi scgi; do
        echo "${kind}_temp_path /tmp/$kind;"
    done
    # For the health check, from inside the container alone.
    echo 'server { listen 127.0.0.1:8080; access_log off; location = /nginx-health { return 204; } }'

    if [ -s "$ssl/cert.pem" ] && [ -s "$ssl/key.pem" ]; then
        certificate="ssl_certificate $ssl/cert.pem; ssl_certificate_key $ssl/key.pem; ssl_protocols TLSv1.2 TLSv1.3;"
        listen='listen 443 ssl'
        if [ -n "$public_host" ]; then target=https://$public_host; else target="https://\$host$port_suffix"; fi
        echo "server { listen 80; return 308 $target\$request_uri; }"
    else
        certificate=
        listen='listen 80'
    fi
    if [ -n "$public_host" ]; then
        # Any other name gets no page of ours, so that none can be made to answer under it.
        echo "server { $listen default_server; $certificate"
        echo '    include /etc/nginx/problem-page.conf;'
        echo '    location / { return 421; }'
        echo '}'
        echo "server { $listen; $certificate server_name ${public_host%%:*};"
    else
        echo "server { $listen default_server; $certificate"
    fi
    echo '    include /etc/nginx/server.conf;'
    echo '}'
} > "$conf/default.conf"
