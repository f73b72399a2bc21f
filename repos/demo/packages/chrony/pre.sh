getent group _chrony >/dev/null || groupadd -r _chrony
getent passwd _chrony >/dev/null ||
    useradd -r -g _chrony -d /var/lib/chrony -M -s /sbin/nologin -c "Chrony daemon" _chrony
exit 0
