getent group ftp >/dev/null || groupadd -r -g 50 ftp
getent passwd ftp >/dev/null ||
    useradd -r -u 14 -g ftp -d /var/ftp -M -s /sbin/nologin -c "FTP User" ftp
exit 0
