internal import Containers
internal import Model

// Use against limit, as a person reads it: `3.1 MiB / 64 MiB`; without a limit the use alone, empty where nothing is known.

func memoryUse(_ usage: ContainerUsage?) -> String {
    guard let memory = usage?.memory else { return "" }
    return formatted(bytes: memory.used) + (memory.limit.map { " / " + formatted(bytes: $0) } ?? "")
}

/// Processor time, and how many processors at most.
func processorUse(_ usage: ContainerUsage?) -> String {
    guard let seconds = usage?.cpuSeconds else { return "" }
    return duration(Int64(seconds)) + (usage?.cpus.map { " / \(decimal($0))" } ?? "")
}

func processUse(_ usage: ContainerUsage?) -> String {
    guard let pids = usage?.pids else { return "" }
    return String(pids.used) + (pids.limit.map { " / \($0)" } ?? "")
}

/// `7s`, `5m`, `3h 20m`, `2d 4h`.
func duration(_ seconds: Int64) -> String {
    func parts(_ larger: Int64, _ first: String, _ smaller: Int64, _ second: String) -> String {
        smaller == 0 ? "\(larger)\(first)" : "\(larger)\(first) \(smaller)\(second)"
    }
    switch seconds {
    case ..<60: return "\(seconds)s"
    case ..<3600: return "\(seconds / 60)m"
    case ..<86400: return parts(seconds / 3600, "h", seconds % 3600 / 60, "m")
    default: return parts(seconds / 86400, "d", seconds % 86400 / 3600, "h")
    }
}

/// Without a fraction where there is none.
private func decimal(_ number: Double) -> String {
    number == number.rounded() ? String(Int(number)) : String((number * 100).rounded() / 100)
}
