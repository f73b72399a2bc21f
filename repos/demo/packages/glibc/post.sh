#: -p /sbin/ldconfig
