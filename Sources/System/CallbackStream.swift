internal import CLinux

/// A C stream (`FILE *`) whose bytes come from a function.
///
/// `read` gets `context`, a buffer and its size, and returns how many bytes it wrote there, 0 at the end, or -1 with errno set.
/// The context must stay valid until the stream is closed. nil with errno set where there is no memory.
public func openReader(
    context: UnsafeMutableRawPointer,
    read: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<CChar>?, Int) -> Int
) -> UnsafeMutableRawPointer? {
    provision_open_reader(read, context)
}
