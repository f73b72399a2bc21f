getent group man >/dev/null || groupadd -r man
getent passwd man >/dev/null || useradd -r -g man -d /var/cache/man -M -s /sbin/nologin -c "Manual pages" man
exit 0
