cat /usr/share/ca-certificates/mozilla/*.crt >/etc/ssl/certs/.new && mv -f /etc/ssl/certs/.new /etc/ssl/certs/ca-certificates.crt
exit 0
