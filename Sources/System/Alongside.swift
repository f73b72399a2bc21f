internal import Synchronization

/// What is made on a thread of its own while the caller goes on. The thread has ended when `value` was asked for or this goes.
///
/// A child process that `body` starts dies with that thread: wait for it there.
public final class Alongside<Value: Sendable, Failure: Error> {
    private var thread: JoinedThread?
    private let box: Box

    private final class Box: Sendable {
        let result = Mutex<Result<Value, Failure>?>(nil)
    }

    /// Where the host gives no thread, `body` is done at once.
    public init(_ body: @escaping @Sendable () throws(Failure) -> Value) {
        let box = Box()
        self.box = box
        let work: @Sendable () -> Void = {
            let result: Result<Value, Failure>
            do throws(Failure) { result = .success(try body()) } catch { result = .failure(error) }
            box.result.withLock { $0 = result }
        }
        thread = JoinedThread(work)
        if thread == nil { work() }
    }

    deinit { thread?.join() }

    /// Waits until it is made.
    ///
    /// - Throws: what `body` threw.
    public func value() throws(Failure) -> Value {
        thread?.join()
        thread = nil
        return try box.result.withLock { (result) throws(Failure) in try result!.get() }
    }
}
