import System
import SystemPackage
import Testing

/// Runs `body` while each of the host's users may have so many inotify instances; those that are open stay.
func withInotifyLimit<Result>(_ instances: Int, _ body: () throws -> Result) throws -> Result {
    let setting: FilePath = "/proc/sys/fs/inotify/max_user_instances"
    func set(_ text: String) throws {
        let file = try FileDescriptor.open(setting, .writeOnly)
        try file.closeAfter { _ = try file.writeAll(text.utf8) }
    }
    let before = try Files.readText(setting)
    try set("\(instances)\n")
    defer {
        #expect(throws: Never.self) {
            try set(before)
            guard try Files.readText(setting) == before else { throw TestFailure("\(setting) is not what it was") }
        }
    }
    return try body()
}
