internal import CLinux

/// Rows and columns of the terminal behind a descriptor; nil where it is none or doesn't know.
public func windowSize(of descriptor: Int32) -> (rows: Int, columns: Int)? {
    var rows: UInt16 = 0
    var columns: UInt16 = 0
    guard provision_get_window_size(descriptor, &rows, &columns) == 0, columns > 0 else { return nil }
    return (Int(rows), Int(columns))
}
