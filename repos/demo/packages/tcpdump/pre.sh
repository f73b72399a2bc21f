getent group tcpdump >/dev/null || groupadd -r -g 72 tcpdump
getent passwd tcpdump >/dev/null || useradd -r -u 72 -g tcpdump -d / -M -s /sbin/nologin tcpdump
exit 0
