import Diagnostics
import Model
import Testing

@testable import Configuration

@Suite("yum.conf is read as yum reads it, but strictly")
struct YumConfigurationFileTests {
    /// Handwritten around 2014; it must go on working.
    static let handwritten = """
        [main]
        cachedir=/var/cache/yum
        keepcache=1
        debuglevel=2
        logfile=/var/log/yum.log
        exactarch=1
        obsoletes=1

        [base]
        name=CentOS-7 - Base
        baseurl=http://127.0.0.1:8080/7/os/x86_64/
        #mirrorlist=http://127.0.0.1:8080/?release=7&arch=x86_64&repo=os
        gpgcheck=0
        enabled=1
        """

    @Test("a handwritten yum.conf works unchanged; what has no effect is noted with its line")
    func handwrittenFile() throws {
        let file = try parse(Self.handwritten)
        #expect(file.repositories.map(\.id) == ["base"])
        let base = try #require(file.repositories.first)
        #expect(base.name == "CentOS-7 - Base")
        #expect(base.baseURLs == ["http://127.0.0.1:8080/7/os/x86_64/"])
        #expect(base.mirrorlist == nil)
        #expect(!base.gpgcheck)
        #expect(base.enabled)
        #expect(
            file.notes.map { $0.prefix { $0 != " " } } == ["yum.conf:2:", "yum.conf:3:", "yum.conf:4:", "yum.conf:5:"])
        #expect(file.notes[0].hasPrefix("yum.conf:2: \"cachedir\" has no effect"))
    }

    @Test("cachedir and logfile leave no trace in the configuration")
    func hostPathsAreNotKept() throws {
        let build = BuildConfiguration(file: try parse(Self.handwritten), release: nil)
        #expect(!yumConfiguration(of: build).contains("/var/cache/yum"))
        #expect(!yumConfiguration(of: build).contains("/var/log/yum.log"))
    }

    @Test("a file that is indented as a whole, as quoted in a text, is read all the same")
    func indentedFile() throws {
        let indented = Self.handwritten.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.isEmpty ? "" : "    " + $0 }.joined(separator: "\n")
        #expect(try parse(indented).repositories == parse(Self.handwritten).repositories)
    }

    @Test("carriage returns and both separators are understood; keys in any case")
    func lineEndsAndSeparators() throws {
        let file = try parse("[main]\r\nBEST = no\r\n[r]\r\nbaseurl : http://h/\r\n")
        #expect(file.main.best == false)
        #expect(file.repositories[0].baseURLs == ["http://h/"])
    }

    @Test("booleans in all of yum's spellings", arguments: ["1", "yes", "True", "ON"])
    func trueSpellings(_ text: String) throws {
        #expect(try parse("[main]\ninstall_weak_deps=\(text)").main.installWeakDeps)
    }

    @Test("booleans in all of yum's spellings", arguments: ["0", "No", "FALSE", "off"])
    func falseSpellings(_ text: String) throws {
        #expect(try !parse("[main]\ngpgcheck=\(text)").main.gpgcheck)
    }

    @Test("lists are separated by commas, spaces and continued lines; comments between are left out")
    func lists() throws {
        let file = try parse(
            """
            [main]
            exclude=kernel*, bash
              # not this one
              vim  emacs

            [r]
            baseurl=http://one/
                http://two/, http://three/
            """)
        #expect(file.main.excludePackages == ["kernel*", "bash", "vim", "emacs"])
        #expect(file.repositories[0].baseURLs == ["http://one/", "http://two/", "http://three/"])
    }

    @Test(
        "times and rates with units", arguments: [("48h", 172800), ("2d", 172800), ("90m", 5400), ("1.5h", 5400), ("60", 60)])
    func times(_ text: String, _ seconds: Int) throws {
        #expect(try parse("[main]\nmetadata_expire=\(text)").main.metadataExpire == seconds)
    }

    @Test("never and -1 mean never", arguments: ["never", "-1"])
    func never(_ text: String) throws {
        #expect(try parse("[main]\nmetadata_expire=\(text)").main.metadataExpire == nil)
    }

    @Test("every transport option arrives where Transfer looks for it")
    func transport() throws {
        let file = try parse(
            """
            [r]
            baseurl=https://h/
            sslverify=0
            sslcacert=/ca
            sslclientcert=/cert
            sslclientkey=/key
            proxy=http://proxy:3128
            proxy_username=pu
            proxy_password=pp
            username=u
            password=p
            user_agent=me/1
            timeout=1.5m
            minrate=2k
            retries=3
            throttle=1M
            ip_resolve=IPv4
            """)
        var expected = TransportOptions()
        expected.verifyTLS = false
        expected.caCertificate = "/ca"
        expected.clientCertificate = "/cert"
        expected.clientKey = "/key"
        expected.proxy = "http://proxy:3128"
        expected.proxyUser = "pu"
        expected.proxyPassword = "pp"
        expected.user = "u"
        expected.password = "p"
        expected.userAgent = "me/1"
        expected.timeout = 90
        expected.minimumRate = 2048
        expected.retries = 3
        expected.throttle = 1 << 20
        expected.addressFamily = .v4
        #expect(file.repositories[0].transport == expected)
    }

    @Test("a repository has what [main] says unless it says otherwise, wherever [main] stands")
    func inheritance() throws {
        let file = try parse(
            """
            [one]
            baseurl=http://h/
            [two]
            baseurl=http://h/
            timeout=5
            gpgcheck=1
            proxy=_none_
            [three]
            baseurl=http://h/
            proxy=
            [main]
            timeout=60
            gpgcheck=0
            proxy=http://proxy/
            """)
        #expect(file.repositories.map(\.transport.timeout) == [60, 5, 60])
        #expect(file.repositories.map(\.gpgcheck) == [false, true, false])
        // None whatever the environment says, and what the environment says.
        #expect(file.repositories.map(\.transport.proxy) == ["http://proxy/", "", nil])
    }

    @Test("of a key given twice the last counts, aliases included, and a note says so")
    func repeatedKeys() throws {
        let file = try parse("[main]\nbest=1\nbest=0\nexclude=a\nexcludepkgs=b")
        #expect(!file.main.best)
        #expect(file.main.excludePackages == ["b"])
        #expect(
            file.notes == [
                "yum.conf:3: \"best\" replaces what line 2 says", "yum.conf:5: \"excludepkgs\" replaces what line 4 says",
            ])
    }

    @Test("fingerprints in comments pin the keys of gpgkey")
    func fingerprints() throws {
        let hex = "99DB70FAE1D7CE227FB6488205B555B38483C65D"
        let file = try parse(
            """
            [r]
            baseurl=http://h/
            gpgkey=http://h/A
                   http://h/B
            # provision: fingerprint \(hex.lowercased()) http://h/B KEY-B
            """)
        #expect(
            file.repositories[0].keys == [
                KeyReference(url: "http://h/A"), KeyReference(url: "http://h/B", fileName: "KEY-B", fingerprint: hex),
            ])
    }
}
