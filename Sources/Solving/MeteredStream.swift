internal import CSolv
internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// A metadata file as a C stream of its decompressed bytes, which ends in an error past a limit or after a signal.
///
/// libsolv's parsers read to the end of what they are given: without a limit a small file can unpack to more than there is.
final class MeteredStream {
    private final class State {
        let inner: UnsafeMutablePointer<FILE>
        let limit: UInt64
        var count: UInt64 = 0
        var failure: ProvisionError?
        var xml = XMLGuard()

        init(inner: UnsafeMutablePointer<FILE>, limit: UInt64) {
            self.inner = inner
            self.limit = limit
        }
    }

    let file: UnsafeMutablePointer<FILE>
    private let state: State

    /// The compression is told by the path's suffix.
    init(_ path: FilePath, limit: UInt64) throws(ProvisionError) {
        guard let inner = solv_xfopen(path.string, "r") else { throw systemError("read", path) }
        let state = State(inner: inner, limit: limit)
        let opened = openReader(context: Unmanaged.passUnretained(state).toOpaque()) { context, buffer, size in
            guard let context, let buffer else { return -1 }
            return MeteredStream.read(Unmanaged<State>.fromOpaque(context).takeUnretainedValue(), buffer, size)
        }
        guard let file = opened?.assumingMemoryBound(to: FILE.self) else {
            let error = systemError("read", path)
            fclose(inner)
            throw error
        }
        self.state = state
        self.file = file
    }

    deinit {
        fclose(file)
        fclose(state.inner)
    }

    private static func read(_ state: State, _ buffer: UnsafeMutablePointer<CChar>, _ size: Int) -> Int {
        do {
            try Interruption.check()
        } catch {
            state.failure = error
            errno = EINTR
            return -1
        }
        let count = fread(buffer, 1, size, state.inner)
        state.count += UInt64(count)
        guard state.count <= state.limit else {
            state.failure = ProvisionError(.verification, "it unpacks to more than \(Model.formatted(bytes: state.limit))")
            errno = EFBIG
            return -1
        }
        if let complaint = state.xml.complaint(about: UnsafeRawBufferPointer(start: buffer, count: count)) {
            state.failure = ProvisionError(.verification, complaint)
            errno = EINVAL
            return -1
        }
        guard count > 0 || ferror(state.inner) == 0 else { return -1 }
        return count
    }

    /// - Throws: what ended the reading before the end, if something did, with "it" for the file.
    func checkComplete() throws(ProvisionError) {
        if let failure = state.failure {
            throw failure
        }
        if ferror(state.inner) != 0 {
            throw ProvisionError(.verification, "it is damaged or cut off")
        }
    }
}
