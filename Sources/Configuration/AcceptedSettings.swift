extension Setting {
    /// Options that yum or dnf know and that have nothing to decide in a build, by the reason.
    static let acceptedSettings: [Setting] =
        group(
            "provision has its own state, cache and log", .main,
            [
                "cachedir", "system_cachedir", "cashe_root_dir", "persistdir", "keepcache", "usercache", "cacheonly", "logfile",
                "logdir", "logfilelevel", "log_size", "log_rotate", "log_compress", "transaction_history_dir", "debugdir",
                "destdir", "downloaddir", "build_cache", "persistence", "transformdb", "skip_system_repo_lock",
            ])
        + group(
            "the root is the one that provision makes", .main,
            [
                "installroot", "use_host_config", "config_file_path", "reposdir", "varsdir", "distroverpkg", "ignorearch",
                "usr_drift_protected_paths",
            ])
        + group(
            "how much is told is decided by -v, -q, --color and --progress", .main,
            [
                "debuglevel", "errorlevel", "rpmverbosity", "syslog_ident", "syslog_facility", "syslog_device", "gaftonmode",
                "recent", "showdupesfromrepos", "bugtracker_url", "history_list_view", "color", "color_list_installed_older",
                "color_list_installed_newer", "color_list_installed_reinstall", "color_list_installed_extra",
                "color_list_installed_running_kernel", "color_list_available_upgrade", "color_list_available_downgrade",
                "color_list_available_reinstall", "color_list_available_install", "color_list_available_running_kernel",
                "color_update_installed", "color_update_local", "color_update_remote", "color_search_match", "debug_solver",
                "comment", "shell_exit_status",
            ])
        + group("there are no plugins", .main, ["plugins", "pluginpath", "pluginconfpath", "plugin_conf_dir"])
        + group(
            "a build never asks", .main,
            [
                "assumeyes", "assumeno", "alwaysprompt", "defaultyes", "exit_on_lock", "reset_nice", "commands", "tolerant",
            ])
        + group(
            "a build installs into a new layer: nothing is upgraded or removed on a host", .main,
            [
                "installonly_limit", "kernelpkgnames", "exactarchlist", "protected_packages", "protected_multilib",
                "protect_running_kernel", "autocheck_running_kernel", "clean_requirements_on_remove", "remove_leaf_only",
                "repopkgsremove_leaf_only", "groupremove_leaf_only", "upgrade_group_objects_upgrade",
                "upgrade_requirements_on_install", "overwrite_groups", "group_command", "history_record_packages",
                "loadts_ignoremissing", "loadts_ignorerpm", "loadts_ignorenewrpm", "autosavets",
                "fssnap_automatic_pre", "fssnap_automatic_post", "fssnap_automatic_keep", "fssnap_percentage",
                "fssnap_devices", "fssnap_abort_on_errors", "usr_w_check", "diskspacecheck", "recheck_installed_requires",
                "rpm_check_debug", "depsolve_loop_limit", "metadata_timer_sync", "allow_vendor_change", "allow_downgrade",
                "exclude_from_weak_autodetect", "localpkg_gpgcheck", "query_install_excludes",
            ])
        + group(
            "what was asked for is installed whole or not at all", .main,
            [
                "skip_unavailable", "skip_missing_names_on_install", "skip_missing_names_on_update",
                "requires_policy",
            ])
        + group("modules follow their defaults", .main, ["module_stream_switch", "module_obsoletes"])
        + group(
            "groups are read where they are asked for", .main, ["enable_group_conditionals", "excludegroups", "excludeenvs"])
        + group(
            "keys are pinned by fingerprint or come from gpgkey lines alone", .main,
            ["gpgkey_dns_verification", "gpgcheck_policy"])
        + group("keys are pinned by fingerprint or come from gpgkey lines alone", .repository, ["gpgcakey"])
        + group(
            "metadata is fetched as it is needed", .both,
            [
                "check_config_file_age", "mdpolicy", "mddownloadpolicy", "metadata_expire_filter", "mirrorlist_expire",
                "http_caching",
                "optional_metadata_types", "zchunk",
            ])
        + group(
            "mirrors and connections are chosen while files are fetched", .both,
            [
                "failovermethod", "keepalive", "max_connections", "max_downloads_per_mirror", "bandwidth",
                "ftp_disable_epsv", "async", "countme", "proxy_auth_method", "proxy_sslverify", "proxy_sslcacert",
                "proxy_sslclientcert", "proxy_sslclientkey", "ssl_check_cert_permissions",
            ])
        + group(
            "whole packages are fetched, no deltas", .both,
            [
                "deltarpm", "deltarpm_percentage", "deltarpm_metadata_percentage",
            ])
        + group(
            "repositories are rpm-md, without media", .repository,
            [
                "type", "mediaid", "enabled_metadata", "compare_providers_priority", "autorefresh", "keeppackages",
            ])
        + group("ids are shown as they are", .both, ["ui_repoid_vars"])

    private static func group(_ reason: String, _ sections: Sections, _ names: [String]) -> [Setting] {
        names.map { .accepted($0, repeated.contains($0) ? .both : sections, reason) }
    }

    /// Of those that [main] gives reasons for, repositories have these too.
    private static let repeated: Set<String> = ["keepcache", "cachedir", "protected_packages", "build_cache"]
}
