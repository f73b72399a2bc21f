getent group messagebus >/dev/null || groupadd -r -g 81 messagebus
getent passwd messagebus >/dev/null ||
    useradd -r -u 81 -g messagebus -d / -s /sbin/nologin -c "System message bus" messagebus
exit 0
