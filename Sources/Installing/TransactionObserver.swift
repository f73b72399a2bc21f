internal import CRpm
internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// What rpm calls back while it installs: gives it the package files, dresses the root for scriptlets, and tells the parent.
///
/// A callback can't throw. What makes the rest of the transaction pointless ends the process from here, after the parent was
/// told: the staged root is thrown away then.
final class TransactionObserver {
    private let feed: PackageFeed
    let packages: [NEVRA]
    private let check: DependencyCheck
    private let cage: Cage
    private let output: OutputCapture
    private let watch: ScriptletWatch
    private let database: FilePath
    private let strict: Bool
    private let users: SystemUserFiles
    private let declared: [[SystemUser]]
    private var open: [Int: OpaquePointer] = [:]
    /// In the order in which rpm installed them.
    private(set) var installed: [NEVRA] = []

    /// - Parameters:
    ///   - database: the rpm database's file, which no scriptlet may take away.
    ///   - strict: whether any failing scriptlet ends it all, and not only those that rpm gives up a package for.
    init(
        feed: PackageFeed, headers: [OpaquePointer], check: DependencyCheck, cage: Cage, output: OutputCapture,
        watch: ScriptletWatch,
        database: FilePath,
        strict: Bool
    ) throws(ProvisionError) {
        users = SystemUserFiles(root: try RootedDirectory(FilePath(Cage.root)))
        // A package that brings the file of users brings its own users in it, and would find ours in its place.
        declared = headers.map { RpmHeader($0).owns("/etc/passwd") ? [] : SystemUser.declared(by: $0) }
        self.check = check
        self.watch = watch
        self.database = database
        self.strict = strict
        self.feed = feed
        packages = feed.plan.packages.map(\.nevra)
        self.cage = cage
        self.output = output
    }

    /// Makes `set` call this observer, which must outlive it, with transaction elements as the first argument.
    func watch(_ set: OpaquePointer) {
        rpmtsSetNotifyStyle(set, 1)
        rpmtsSetNotifyCallback(
            set,
            { element, what, amount, total, key, data in
                Unmanaged<TransactionObserver>.fromOpaque(data!).takeUnretainedValue()
                    .notified(what, OpaquePointer(element), amount, total, Int(bitPattern: key) - 1)
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    private func notified(
        _ what: rpmCallbackType, _ element: OpaquePointer?, _ amount: UInt64, _ total: UInt64, _ index: Int
    ) -> UnsafeMutableRawPointer? {
        switch what {
        case RPMCALLBACK_INST_OPEN_FILE:
            orFail { try check.finish() }
            // Here the transaction waits for what is still on its way.
            let handle = orFail {
                try RpmFile.open(
                    try feed.file(index) {
                        JobChannel.send(
                            .waiting(package: packages[index].description, completed: UInt64(installed.count)))
                    })
            }
            if !declared[index].isEmpty { orFail { try users.add(declared[index]) } }
            open[index] = handle
            return UnsafeMutableRawPointer(handle)
        case RPMCALLBACK_INST_CLOSE_FILE:
            if let handle = open.removeValue(forKey: index) { Fclose(handle) }
        case RPMCALLBACK_INST_START:
            forwardLog()
            JobChannel.send(.installing(package: name(of: element), completed: UInt64(installed.count)))
        case RPMCALLBACK_INST_STOP:
            installed.append(packages[index])
        case RPMCALLBACK_UNPACK_ERROR, RPMCALLBACK_CPIO_ERROR:
            fail(
                ProvisionError(
                    .failed, "cannot unpack package \"\(name(of: element))\"", causes: RpmLibrary.takeErrors()))
        case RPMCALLBACK_SCRIPT_START:
            scriptletStarts(element, tag: rpmTagVal(amount))
        case RPMCALLBACK_SCRIPT_STOP:
            scriptletEnds(element, tag: rpmTagVal(amount), result: total)
        default: break
        }
        return nil
    }

    // MARK: - Scriptlets

    private func scriptletStarts(_ element: OpaquePointer?, tag: rpmTagVal) {
        orFail { try check.finish() }
        forwardLog()
        _ = output.take()
        JobChannel.send(.scriptletStarted(scriptlet(element, tag)))
        orFail { try watch.begin(scriptlet(element, tag)) }
        // Lua before the transaction is `filesystem` making /proc, /sys and /dev themselves: it must find the bare tree.
        if tag == RPMTAG_PRETRANS.number, interpreter(element, tag) == "<lua>" { return }
        orFail { try cage.attach() }
    }

    private func scriptletEnds(_ element: OpaquePointer?, tag: rpmTagVal, result: UInt64) {
        let refused = orFail { try watch.end() }
        orFail { try cage.detach() }
        provision_rpm_flush_output()
        forwardLog()
        // NOTFOUND stands for a failure that rpm only warns of.
        let failed = result != UInt64(RPMRC_OK.rawValue)
        let fatal = result == UInt64(RPMRC_FAIL.rawValue) || (failed && strict)
        var printed = output.take()
        if failed, let program = interpreter(element, tag), program.hasPrefix("/"), access(program, X_OK) != 0 {
            // What rpm says of it is lost with the process that it forked for the scriptlet.
            printed += "its interpreter \(program) is not there yet\n"
        }
        JobChannel.send(
            .scriptletEnded(scriptlet(element, tag), failed: failed, fatal: fatal, output: printed, refused: refused))
        // rpm would leave out this package and go on with the rest.
        if fatal { _exit(1) }
        refuseEmptiedRoot(scriptlet(element, tag), printed)
    }

    /// rpm goes on writing into a database that has no name any more: a root that a scriptlet has emptied would become a layer.
    private func refuseEmptiedRoot(_ scriptlet: InstallEvent.Scriptlet, _ printed: String) {
        guard access(database.string, F_OK) != 0 else { return }
        fail(
            ProvisionError(
                .failed,
                "the \(scriptlet.name) scriptlet of package \"\(scriptlet.package)\" removed the root's rpm database, if no more",
                causes: printed.split(whereSeparator: \.isNewline).suffix(5).map(String.init)))
    }

    private func scriptlet(_ element: OpaquePointer?, _ tag: rpmTagVal) -> InstallEvent.Scriptlet {
        InstallEvent.Scriptlet(name: scriptletName(tag), package: name(of: element))
    }

    /// The program that runs a scriptlet of the package itself; nil for triggers.
    private func interpreter(_ element: OpaquePointer?, _ tag: rpmTagVal) -> String? {
        let program: rpmTag_e
        switch tag {
        case RPMTAG_PREIN.number: program = RPMTAG_PREINPROG
        case RPMTAG_POSTIN.number: program = RPMTAG_POSTINPROG
        case RPMTAG_PRETRANS.number: program = RPMTAG_PRETRANSPROG
        case RPMTAG_POSTTRANS.number: program = RPMTAG_POSTTRANSPROG
        case RPMTAG_PREUN.number: program = RPMTAG_PREUNPROG
        case RPMTAG_POSTUN.number: program = RPMTAG_POSTUNPROG
        default: return nil
        }
        guard let header = rpmteHeader(element) else { return nil }
        defer { headerFree(header) }
        guard let name = provision_rpm_interpreter(header, program.number) else { return nil }
        defer { free(name) }
        return String(cString: name)
    }

    // MARK: - To the parent

    private func name(of element: OpaquePointer?) -> String {
        rpmteNEVRA(element).map { String(cString: $0) } ?? "a package"
    }

    private func forwardLog() {
        for line in RpmLibrary.takeLines() where line.level <= 4 {
            JobChannel.send(.log(level: line.level, text: line.text))
        }
    }

    private func orFail<Result>(_ body: () throws -> Result) -> Result {
        do {
            return try body()
        } catch {
            fail(error as? ProvisionError ?? ProvisionError(.failed, "\(error)"))
        }
    }

    private func fail(_ error: ProvisionError) -> Never {
        JobChannel.send(.failed(InstallEvent.Failure(error)))
        _exit(1)
    }
}

/// A scriptlet's name as spec files write it.
func scriptletName(_ tag: rpmTagVal) -> String {
    switch tag {
    case RPMTAG_PREIN.number: "%pre"
    case RPMTAG_POSTIN.number: "%post"
    case RPMTAG_PREUN.number: "%preun"
    case RPMTAG_POSTUN.number: "%postun"
    case RPMTAG_PRETRANS.number: "%pretrans"
    case RPMTAG_POSTTRANS.number: "%posttrans"
    case RPMTAG_TRIGGERPREIN.number: "%triggerprein"
    case RPMTAG_TRIGGERIN.number: "%triggerin"
    case RPMTAG_TRIGGERUN.number: "%triggerun"
    case RPMTAG_TRIGGERPOSTUN.number: "%triggerpostun"
    case RPMTAG_FILETRIGGERIN.number: "%filetriggerin"
    case RPMTAG_FILETRIGGERUN.number: "%filetriggerun"
    case RPMTAG_FILETRIGGERPOSTUN.number: "%filetriggerpostun"
    case RPMTAG_TRANSFILETRIGGERIN.number: "%transfiletriggerin"
    case RPMTAG_TRANSFILETRIGGERUN.number: "%transfiletriggerun"
    case RPMTAG_TRANSFILETRIGGERPOSTUN.number: "%transfiletriggerpostun"
    default: "scriptlet \(tag)"
    }
}
