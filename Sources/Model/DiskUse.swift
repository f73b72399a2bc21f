/// What a layer takes of the disk, in bytes of blocks, as the file system counts them.
public struct DiskUse: Codable, Sendable, Equatable {
    /// What goes when the layer goes.
    public var own: UInt64 = 0
    /// Files that other layers have as well, as links to one file.
    public var shared: UInt64 = 0
    /// Whole files made of differences, which can be made again.
    public var derived: UInt64 = 0

    public init() {}
}
