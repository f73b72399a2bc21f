systemd-machine-id-setup >/dev/null 2>&1 || :
journalctl --update-catalog >/dev/null 2>&1 || :
systemd-sysusers || :

# A new system gets what the presets say; a later update changes nothing that its owner has chosen.
if [ $1 -eq 1 ]; then
    systemctl preset-all >/dev/null 2>&1 || :
fi
