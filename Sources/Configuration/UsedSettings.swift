internal import Model

extension Setting {
    /// Options that decide something in a build.
    static let usedSettings: [Setting] = [
        // Where a repository is and whom it trusts, in the order in which people write it.
        .repository("name", .text, \.name, "the repository's name for people; its id where it has none"),
        .repository("baseurl", .baseURLs, \.baseURLs, "where the repository lies, most preferred first"),
        .repository("metalink", .optionalURL(["https", "http", "file"]), \.metalink, "URL of its metalink document"),
        .repository("mirrorlist", .optionalURL(["https", "http", "file"]), \.mirrorlist, "URL of its list of mirrors"),
        .both("enabled", .boolean, \.enabled, \.enabled, "whether the repository takes part in a build"),
        .both(
            "gpgcheck", .boolean, \.gpgcheck, \.gpgcheck, aliases: ["pkg_gpgcheck"],
            "whether packages must be signed by one of its keys"),
        .both(
            "repo_gpgcheck", .boolean, \.repoGPGCheck, \.repoGPGCheck,
            "whether repomd.xml must be signed by one of its keys"),

        // The build.
        .main("releasever", .optionalText, \.releasever, "the release's version, for $releasever"),
        .main("basearch", .basearch, \.basearch, aliases: ["arch"], "the architecture, for $basearch"),
        .main("exactarch", .boolean, \.exactarch, "packages are only replaced by ones of their own architecture"),
        .main("obsoletes", .boolean, \.obsoletes, "packages that obsolete others replace them"),
        .main("best", .boolean, \.best, "fail rather than take an older version when the newest can't be installed"),
        .main("strict", .boolean, \.strict, "fail where something asked for can't be installed, rather than leave it out"),
        .main("skip_broken", .boolean, \.skipsBroken, "leave out what can't be installed, as strict=0 does"),
        .main("exclude_from_weak", .words, \.weakExcludes, "globs of packages that don't come as weak dependencies"),
        .main(
            "disable_excludes", .words, \.disabledExcludes,
            "whose excludepkgs and includepkgs don't count: main, ids of repositories, or all"),
        .main("install_weak_deps", .boolean, \.installWeakDeps, "install what packages recommend"),
        .main("multilib_policy", .multilib, \.multilibPolicy, "which architectures of a package are installed"),
        .main("installonlypkgs", .words, \.installOnlyPackages, "packages that may be there in several versions"),
        .main(
            "group_package_types", .words(among: ["mandatory", "default", "optional", "conditional"]),
            \.groupPackageTypes, "which members of a group are installed"),
        .main("module_platform_id", .optionalText, \.modulePlatform, "the module that the system is, as platform:el9"),
        .main("history_record", .boolean, \.recordsHistory, "leave dnf in the root a history of how it was made"),
        .main("tsflags", .transactionFlags, \.transactionFlags, "flags of the rpm transaction"),
        .main("override_install_langs", .words, \.languages, "languages whose files are installed; all if empty"),
        .both(
            "excludepkgs", .words, \.excludePackages, \.excludePackages, inherits: false,
            aliases: ["exclude"], "globs of packages that are not used; those of [main] hold for every repository"),
        .both(
            "includepkgs", .words, \.includePackages, \.includePackages, inherits: false,
            "globs of packages that alone are used; those of [main] hold for every repository"),

        // Choice among repositories.
        .repository(
            "priority", .integer(1...1_000_000, allowed: "a whole number, 1 or more"), \.priority,
            "the lowest provides a package"),
        .repository("cost", .integer(0...1_000_000, allowed: "a whole number, 0 or more"), \.cost, "the lowest is preferred"),
        .repository("module_hotfixes", .boolean, \.moduleHotfixes, "its packages are not filtered by modules"),
        .both(
            "skip_if_unavailable", .boolean, \.skipIfUnavailable, \.skipIfUnavailable,
            "a build may go on without it"),
        .both("enablegroups", .boolean, \.enablesGroups, \.enablesGroups, "whether the repository's groups count"),
        .both(
            "metadata_expire", .expiry, \.metadataExpire, \.metadataExpire,
            "how long its metadata is good without asking again"),

        .both(
            "fastestmirror", .boolean, \.fastestMirror, \.fastestMirror,
            "ask the mirrors first that are connected to soonest"),
        .both(
            "weak_digests", .boolean, \.weakDigests, \.weakDigests,
            "accept metadata that only md5 or sha1 pins, for which others can be made to fit"),

        // Transport.
        .main("max_parallel_downloads", .optionalInteger, \.parallelDownloads, "how many files are fetched at once"),
        .both("timeout", .timeout, \.transport.timeout, \.transport.timeout, "time without the minimum rate"),
        .both("minrate", .byteRate, \.transport.minimumRate, \.transport.minimumRate, "the minimum rate"),
        .both("retries", .retries, \.transport.retries, \.transport.retries, "how often a file is tried again"),
        .both("throttle", .throttle, \.transport.throttle, \.transport.throttle, "the maximum rate"),
        .both(
            "ip_resolve", .addressFamily, \.transport.addressFamily, \.transport.addressFamily,
            "the addresses that hosts are reached at"),
        .both("user_agent", .optionalText, \.transport.userAgent, \.transport.userAgent, "the name given to servers"),
        .both("proxy", .proxy, \.transport.proxy, \.transport.proxy, "the proxy that files come through"),
        .both("proxy_username", .optionalText, \.transport.proxyUser, \.transport.proxyUser, "user of the proxy"),
        .both(
            "proxy_password", .optionalText, \.transport.proxyPassword, \.transport.proxyPassword,
            secret: true, "password of the proxy"),
        .both("username", .optionalText, \.transport.user, \.transport.user, "user at the server"),
        .both(
            "password", .optionalText, \.transport.password, \.transport.password, secret: true,
            "password at the server"),
        .both("sslverify", .boolean, \.transport.verifyTLS, \.transport.verifyTLS, "check TLS certificates"),
        .both(
            "sslcacert", .optionalText, \.transport.caCertificate, \.transport.caCertificate,
            "file with the certificate authorities"),
        .both(
            "sslclientcert", .optionalText, \.transport.clientCertificate, \.transport.clientCertificate,
            "file with our certificate"),
        .both(
            "sslclientkey", .optionalText, \.transport.clientKey, \.transport.clientKey,
            "file with our certificate's key"),
        .refused("sslverifystatus", .both, .onlyOff("stapled OCSP answers can't be asked for"), "ask for stapled OCSP answers"),

        // Last, since fingerprints follow it as comments.
        .repository("gpgkey", .keys, \.keys, "URLs of the keys that sign its packages and metadata"),
    ]
}

extension ValueFormat<MainConfiguration.MultilibPolicy> {
    static let multilib = ValueFormat(
        allowed: "best, all", parse: { MainConfiguration.MultilibPolicy(rawValue: $0.lowercased()) }, write: \.rawValue)
}
