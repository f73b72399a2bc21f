getent group sshd >/dev/null || groupadd -r -g 74 sshd
getent passwd sshd >/dev/null ||
    useradd -r -u 74 -g sshd -d /usr/share/empty.sshd -s /sbin/nologin -c "Privilege-separated SSH" sshd
exit 0
