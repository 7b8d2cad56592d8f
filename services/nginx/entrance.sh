#!/bin/sh
# shellcheck disable=SC2016 # the variables are nginx's
# Runs before nginx starts: HTTPS with a redirect to it where there is a certificate, else HTTP.
set -eu
ssl=/etc/nginx/ssl
port_suffix=""
[ "${HTTPS_PORT:-443}" = 443 ] || port_suffix=":$HTTPS_PORT"

{
    echo 'limit_req_zone $binary_remote_addr zone=api:10m rate=50r/s;'
    echo 'limit_req_status 429;'
    echo 'server_tokens off;'
    # The root file system is read-only.
    for kind in client_body proxy fastcgi uwsgi scgi; do
        echo "${kind}_temp_path /tmp/$kind;"
    done
    # For the health check, from inside the container alone.
    echo 'server { listen 127.0.0.1:8080; access_log off; location = /nginx-health { return 204; } }'
    if [ -s "$ssl/cert.pem" ] && [ -s "$ssl/key.pem" ]; then
        echo "server { listen 80; return 308 https://\$host$port_suffix\$request_uri; }"
        echo 'server {'
        echo '    listen 443 ssl;'
        echo "    ssl_certificate $ssl/cert.pem;"
        echo "    ssl_certificate_key $ssl/key.pem;"
        echo '    ssl_protocols TLSv1.2 TLSv1.3;'
        echo '    add_header Strict-Transport-Security "max-age=31536000" always;'
    else
        echo 'server {'
        echo '    listen 80;'
    fi
    echo '    include /etc/nginx/locations.conf;'
    echo '}'
} > /etc/nginx/conf.d/default.conf
