#: -- /usr/lib /usr/lib64 /lib /lib64
rpm.execute("/sbin/ldconfig")
