import Glibc
import System
import SystemPackage
import Testing

/// A package `rpm` whose programs write a Berkeley database, as those of EL7 and EL8 do.
enum OldRpm: CustomTestStringConvertible, Sendable {
    /// A stand-in with `rpmdb --importdb` (rpm 4.12 or newer, EL8): Debian's db5.3_load behind a script.
    case importing
    /// A stand-in without it, with `rpmdb --rebuilddb` and libdb's db_load (rpm 4.11, EL7).
    case rebuilding
    /// A stand-in that forgets the last package.
    case forgetful
    /// A stand-in that says why not, and fails.
    case failing
    /// A stand-in that never ends.
    case hanging
    /// The host's own, which writes sqlite: none that a release with a Berkeley database would have.
    case modern
    /// rpm itself: an installed tree that scripts/build-old-rpm made of upstream's release.
    case upstream(FilePath, version: String)

    var testDescription: String {
        switch self {
        case .importing: "with --importdb"
        case .rebuilding: "with --rebuilddb and db_load"
        case .forgetful: "that forgets a package"
        case .failing: "that fails"
        case .hanging: "that hangs"
        case .modern: "of today"
        case .upstream(_, let version): "rpm \(version) itself"
        }
    }

    /// The trees that are there of EL7's and EL8's versions; docs/releases.md says where they come from.
    static let upstreams: [OldRpm] = {
        guard let data = getenv("PROVISION_REAL_DATA") else { return [] }
        return ["4.11.3", "4.14.3"].compactMap { version in
            let tree = FilePath(String(cString: data)).appending("rpm-\(version)")
            return Files.exists(tree) ? .upstream(tree, version: version) : nil
        }
    }()

    var version: String {
        switch self {
        case .importing, .forgetful, .failing, .hanging, .modern: "4.14.3"
        case .rebuilding: "4.11.3"
        case .upstream(_, let version): version
        }
    }

    /// - Parameter factory: signs nothing; its directory keeps the script.
    func package(_ factory: PackageFactory) throws -> FilePath {
        let copy = "for l in $(ldd $1 | grep -o '/[^ )]*'); do install -D $l $RPM_BUILD_ROOT$l; done"
        if case .upstream(let tree, let version) = self {
            let install = """
                mkdir -p $RPM_BUILD_ROOT/usr/bin $RPM_BUILD_ROOT/usr/lib/rpm
                cp -a \(tree)/usr/bin/rpm \(tree)/usr/bin/rpmdb $RPM_BUILD_ROOT/usr/bin
                cp -a \(tree)/usr/lib/rpm/macros \(tree)/usr/lib/rpm/rpmrc \(tree)/usr/lib/rpm/platform $RPM_BUILD_ROOT/usr/lib/rpm
                cp $(which db5.3_load) $RPM_BUILD_ROOT/usr/bin/db_load
                for p in rpm rpmdb db_load; do set -- $RPM_BUILD_ROOT/usr/bin/$p; \(copy); done
                # What NSS, rpm 4.11's digests, loads when it runs.
                for l in /usr/lib/*/libfreebl* /usr/lib/*/libsoftokn3* /usr/lib/*/nss/*; do
                install -D $l $RPM_BUILD_ROOT$l; set -- $l; \(copy); done
                """
            return try factory.package("rpm", version: version, install: install, files: ["/usr", "/lib*"])
        }
        if case .modern = self {
            let install = """
                mkdir -p $RPM_BUILD_ROOT/usr/bin $RPM_BUILD_ROOT/usr/lib/rpm
                cp $(which rpmdb) $RPM_BUILD_ROOT/usr/bin/rpmdb
                cp /usr/lib/rpm/macros /usr/lib/rpm/rpmrc $RPM_BUILD_ROOT/usr/lib/rpm
                set -- $(which rpmdb); \(copy)
                """
            return try factory.package("rpm", version: version, install: install, files: ["/usr", "/lib*"])
        }
        let script = factory.path.appending("rpmdb-\(version)")
        try Files.write(OldRpm.script(self), to: script)
        let loader =
            if case .rebuilding = self {
                "mkdir $RPM_BUILD_ROOT/usr/lib/rpm; cp $(which db5.3_load) $RPM_BUILD_ROOT/usr/lib/rpm/rpmdb_load"
            } else { "" }
        let install = """
            mkdir -p $RPM_BUILD_ROOT/usr/bin $RPM_BUILD_ROOT/usr/lib
            install -m 755 \(script) $RPM_BUILD_ROOT/usr/bin/rpmdb
            for p in db5.3_load db5.3_dump; do cp $(which $p) $RPM_BUILD_ROOT/usr/bin/$p; set -- $(which $p); \(copy); done
            for a in awk od tr sed; do ln -s ../../bin/busybox $RPM_BUILD_ROOT/usr/bin/$a; done
            \(loader)
            """
        return try factory.package("rpm", version: version, install: install, files: ["/usr", "/lib*"])
    }

    /// Packages and the indexes that queries and dependency checks look into, as rpm's lib/backend/db3.c lays them out: numbers
    /// of headers to headers; strings to pairs of a header's number and a place in its array.
    private static func script(_ rpm: OldRpm) -> String {
        let options =
            switch rpm {
            case .rebuilding: "--rebuilddb"
            case .failing: "--importdb (and fails)"
            default: "--importdb"
            }
        let failure =
            switch rpm {
            case .failing: "echo 'error: cannot open Packages index' >&2; exit 1"
            case .hanging: "echo waiting; while :; do sleep 1; done"
            default: ":"
            }
        let last = if case .forgetful = rpm { "1" } else { "0" }
        return #"""
            #!/bin/sh
            dir=/var/lib/rpm mode=
            while [ $# -gt 0 ]; do
                case $1 in
                    --help) echo "  OPTIONS"; exit 0 ;;
                    --dbpath) dir=$2; shift ;;
                    --importdb | --rebuilddb) mode=$1 ;;
                esac
                shift
            done
            FAILURE
            tmp=$dir/dumps
            mkdir "$tmp" || exit 1
            case $mode in
                --importdb) od -An -v -tx1 | tr -d ' \n' ;;
                --rebuilddb)
                    # Every second line of the data is a header, and the one numbered 0 is none.
                    db5.3_dump "$dir/Packages" | sed '1,/^HEADER=END/d; /^DATA=END/d; s/^ //' |
                        awk 'NR % 2 { key = $0; next } key != "00000000" { printf "8eade80100000000%s", $0 }'
                    mv "$dir/Packages" "$tmp/old" ;;
            esac | awk -v tmp="$tmp" -v forget=LAST '
                function number(hex, i, value) {
                    for (i = 1; i <= length(hex); i++) value = value * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
                    return value
                }
                function word(v) { return sprintf("%02x%02x%02x%02x", v % 256, int(v / 256) % 256, int(v / 65536) % 256, 0) }
                function begin(name, type) { print "VERSION=3\nformat=bytevalue\ntype=" type "\nHEADER=END" > (tmp "/" name) }
                BEGIN { split("1000 Name 1047 Providename 1049 Requirename 1117 Basenames 1118 Dirnames", list, " ")
                    for (i = 1; i in list; i += 2) names[list[i]] = list[i + 1] }
                { text = text $0 }
                END {
                    begin("Packages", "hash")
                    for (at = 1; at < length(text); at += 16 + length(blob)) {
                        if (substr(text, at, 16) != "8eade80100000000") exit 1
                        count = number(substr(text, at + 16, 8))
                        blob = substr(text, at + 16, 16 + 32 * count + 2 * number(substr(text, at + 24, 8)))
                        if (forget && at + 16 + length(blob) > length(text)) break
                        header++
                        print " " word(header) "\n " blob > (tmp "/Packages")
                        data = 17 + 32 * count
                        for (e = 0; e < count; e++) {
                            tag = number(substr(blob, 17 + 32 * e, 8))
                            if (!(tag in names)) continue
                            from = data + 2 * number(substr(blob, 33 + 32 * e, 8))
                            many = number(substr(blob, 41 + 32 * e, 8))
                            for (i = 0; i < many; i++) {
                                for (to = from; substr(blob, to, 2) != "00"; to += 2) {}
                                key = to == from ? "00" : substr(blob, from, to - from)
                                found[names[tag] " " key] = found[names[tag] " " key] word(header) word(i)
                                from = to + 2
                            }
                        }
                    }
                    print " 00000000\n " word(header) "\nDATA=END" > (tmp "/Packages")
                    for (i = 2; i in list; i += 2) begin(list[i], "btree")
                    for (key in found) { split(key, part, " "); print " " part[2] "\n " found[key] > (tmp "/" part[1]) }
                    for (i = 2; i in list; i += 2) print "DATA=END" > (tmp "/" list[i])
                }' || exit 1
            for name in Packages Name Providename Requirename Basenames Dirnames; do
                db5.3_load -f "$tmp/$name" "$dir/$name" || exit 1
            done
            rm -r "$tmp"
            """#.replacing("OPTIONS", with: options).replacing("FAILURE", with: failure).replacing("LAST", with: last) + "\n"
    }
}
