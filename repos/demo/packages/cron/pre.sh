getent group crontab >/dev/null || groupadd -r crontab
exit 0
