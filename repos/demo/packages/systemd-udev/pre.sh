for group in input render sgx; do
    getent group $group >/dev/null || groupadd -r $group
done
exit 0
