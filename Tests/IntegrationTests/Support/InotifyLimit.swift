import System
import SystemPackage

/// Runs `body` while each of the host's users may have so many inotify instances; those that are open stay.
func withInotifyLimit<Result>(_ instances: Int, _ body: () throws -> Result) throws -> Result {
    let setting = FilePath("/proc/sys/fs/inotify/max_user_instances")
    let before = try Files.readText(setting)
    try runChecked(["sh", "-c", "echo \(instances) >\(setting)"])
    let result: Result
    do { result = try body() } catch {
        try runChecked(["sh", "-c", "echo \(before) >\(setting)"])
        throw error
    }
    try runChecked(["sh", "-c", "echo \(before) >\(setting)"])
    return result
}
