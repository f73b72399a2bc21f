import Diagnostics
import SystemPackage
import Testing

@testable import Configuration

@Suite("a wrong yum.conf is refused with file, line and what is right")
struct YumConfigurationErrorTests {
    static let mistakes: [(text: String, message: String, hint: String)] = [
        ("[main]\ngpgchek=1", "yum.conf:2: unknown key \"gpgchek\" in [main]", "did you mean \"gpgcheck\"?"),
        ("[main]\n\n[r]\nbaseurl=http://h/\nbasurl=http://i/", "yum.conf:5: unknown key \"basurl\" in [r]", "\"baseurl\""),
        ("[main]\nxyzzyplugh=1", "unknown key \"xyzzyplugh\"", "yum.conf(5)"),
        ("[main]\nbest=maybe", "yum.conf:2: \"maybe\" is not a value of \"best\"; allowed: 1, 0, yes", ""),
        ("[main]\nbest=1 # really", "is not a value of \"best\"", "a comment needs a line of its own"),
        ("[main]\nmetadata_expire=1fortnight", "allowed: seconds, as 3600", ""),
        ("[main]\nip_resolve=5", "allowed: 4, 6, IPv4", ""),
        ("[main]\nmax_parallel_downloads=none", "allowed: a whole number from 1 to 64", ""),
        ("[main]\ntimeout=-1", "at least 1 second", ""),
        ("[main]\nminrate=1T", "bytes per second", ""),
        ("[main]\nthrottle=50%", "a percentage of bandwidth can't be had", ""),
        ("[main]\ntsflags=noscripts", "\"noscripts\" is not a value of \"tsflags\"; allowed: any of nodocs", ""),
        ("[main]\nsslverifystatus=1", "stapled OCSP", ""),
        ("[main]\nbasearch=vax", "allowed: x86_64, aarch64", ""),
        ("[main]\nbaseurl=http://h/", "\"baseurl\" has no place in [main]", "a repository's section"),
        ("[main]\ninclude=file:///etc/more.conf", "\"include\" is not supported", "put the included file's sections"),
        ("[r]\nbaseurl=http://h/\ntsflags=nodocs", "\"tsflags\" has no place in [r]", "[main]"),
        ("[r]\nname=nowhere", "yum.conf:1: repository \"r\" has none of baseurl, mirrorlist and metalink", ""),
        ("[mian]\nbest=1", "\"best\" has no place in [mian]", ""),
        ("[mian]", "has none of baseurl", "did you mean \"main\"?"),
        ("[r]\nbaseurl=/srv/repo", "\"/srv/repo\" is not a value of \"baseurl\"; allowed: URLs: http://", ""),
        ("[r]\nbaseurl=ftp://h/", "is not a value of \"baseurl\"", ""),
        ("[r]\nbaseurl=http://h/\n  gpgcheck=0", "yum.conf:2: \"http://h/ gpgcheck=0\"", "begins with white space continues"),
        ("[r]\nbaseurl=http://h/\n[r]\nbaseurl=http://i/", "yum.conf:3: section [r] begins a second time", "line 1"),
        ("[a/b]\nbaseurl=http://h/", "yum.conf:1: \"a/b\" is not a repository id", "letters"),
        ("[..]\nbaseurl=http://h/", "\"..\" is not a repository id", ""),
        ("best=1", "yum.conf:1: the setting \"best\" stands outside of any section", "[main]"),
        ("[main\nbest=1", "yum.conf:1: the section header \"[main\" doesn't end in \"]\"", ""),
        ("[main]\nnonsense", "yum.conf:2: \"nonsense\" is neither a section nor a setting", "KEY=VALUE"),
        ("[main]\n=1", "yum.conf:2: \"=1\" has no key", ""),
        ("[main]\n  best=1\n[r]\nbaseurl=http://h/", "yum.conf:2: \"best=1\" continues nothing", "white space"),
        ("# provision: relase demo", "yum.conf:1: \"# provision: relase demo\" is not understood", "release ID"),
        (
            "[r]\nbaseurl=http://h/\n# provision: fingerprint 12 http://h/K", "yum.conf:3: \"12\" is not a key's fingerprint",
            "forty"
        ),
        (
            "[r]\nbaseurl=http://h/\n# provision: fingerprint 99DB70FAE1D7CE227FB6488205B555B38483C65D http://h/K",
            "yum.conf:3: \"http://h/K\" is not a gpgkey of \"r\"", ""
        ),
    ]

    @Test("each mistake has its own words", arguments: mistakes)
    func mistake(_ text: String, _ message: String, _ hint: String) throws {
        let error = try failure { try parse(text) }
        #expect(error.code == .configuration)
        #expect(error.exitStatus == 2)
        #expect(error.message.contains(message))
        #expect(hint.isEmpty || error.hint?.contains(hint) == true, "the hint is \(error.hint ?? "missing")")
    }

    @Test("a password that is not allowed is not repeated in the message")
    func secretsStayOut() throws {
        let error = try failure { try parse("[main]\npassword=hunter2\n  hunter3") }
        #expect(!error.description.contains("hunter"))
    }

    @Test("a file that is missing says how to get one")
    func missingFile() throws {
        let error = try failure { try YumConfigurationFile(reading: "/nonexistent/yum.conf") }
        #expect(error.code == .configuration)
        #expect(error.message == "cannot read \"/nonexistent/yum.conf\": no such file")
        #expect(error.hint?.contains("yumconf") == true)
    }
}

@Suite("the table of settings")
struct SettingTests {
    @Test("no name or alias stands for two settings")
    func uniqueNames() {
        let names = Setting.all.flatMap { [$0.name] + $0.aliases }
        #expect(Set(names).count == names.count)
    }

    @Test(
        "options of yum.conf(5) and dnf.conf(5) are known",
        arguments: [
            "cachedir", "persistdir", "keepcache", "reposdir", "debuglevel", "errorlevel", "rpmverbosity", "logfile",
            "gpgcheck",
            "localpkg_gpgcheck", "repo_gpgcheck", "skip_broken", "assumeyes", "alwaysprompt", "tolerant", "exclude",
            "exactarch",
            "installonlypkgs", "installonly_limit", "kernelpkgnames", "showdupesfromrepos", "obsoletes", "plugins",
            "pluginpath", "pluginconfpath", "metadata_expire", "mirrorlist_expire", "mdpolicy", "timeout", "proxy", "username",
            "sslverify", "history_record_packages", "deltarpm", "group_command", "upgrade_group_objects_upgrade",
            "distroverpkg",
            "baseurl", "mirrorlist", "metalink", "gpgkey", "gpgcakey", "failovermethod", "keepalive", "cost", "priority",
            "module_hotfixes", "fastestmirror", "max_parallel_downloads", "installroot", "clean_requirements_on_remove", "best",
            "install_weak_deps", "zchunk", "countme", "logdir", "log_size", "system_cachedir", "module_platform_id",
            "protected_packages", "defaultyes", "color", "varsdir", "strict", "user_agent", "skip_if_unavailable",
        ])
    func knownOptions(_ name: String) {
        #expect(Setting.named(name) != nil)
    }

    @Test("every setting says what it takes and why it is there")
    func helpTexts() {
        for setting in Setting.all {
            #expect(!setting.help.isEmpty && !setting.allowed.isEmpty && !setting.sections.isEmpty, "\(setting.name)")
        }
    }
}
