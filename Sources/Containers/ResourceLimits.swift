public import Diagnostics

/// What a container may use at most; nil: as much as the host has.
public struct ResourceLimits: Hashable, Sendable, Codable {
    /// Bytes of memory and swap together.
    public var memory: UInt64?
    /// Thousandths of one processor's time.
    public var milliCPUs: Int?
    /// Processes and threads, systemd-nspawn's one or two among them.
    public var pids: Int?
    /// Share of the disks' time beside others, 1 to 10000 with a default of 100, as in systemd.resource-control(5).
    public var ioWeight: Int?

    public init() {}

    public var isEmpty: Bool { self == ResourceLimits() }

    /// Parses the command line's words: `512M`, `1.5`, `256`, `200`.
    ///
    /// - Throws: `.usage` that names the option and a value that fits.
    public init(memory: String?, cpus: String?, pids: Int?, ioWeight: Int?) throws(ProvisionError) {
        self.memory = try memory.map { text throws(ProvisionError) in try ResourceLimits.bytes(text) }
        self.milliCPUs = try cpus.map { text throws(ProvisionError) in try ResourceLimits.milliCPUs(text) }
        if let pids, pids < ResourceLimits.fewestProcesses {
            throw ProvisionError(
                .usage, "--pids \(pids) leaves no room for a container",
                hint: "systemd-nspawn and its stub init count too: give \(ResourceLimits.fewestProcesses) or more")
        }
        if let ioWeight, !(1...10000).contains(ioWeight) {
            throw ProvisionError(.usage, "--io-weight \(ioWeight) is out of range", hint: "give 1 to 10000; the default is 100")
        }
        self.pids = pids
        self.ioWeight = ioWeight
    }

    /// systemd-nspawn, the stub init, and a shell that starts a program.
    static let fewestProcesses = 4
    /// Below it not even systemd-nspawn starts.
    static let leastMemory: UInt64 = 4 << 20

    private static func bytes(_ text: String) throws(ProvisionError) -> UInt64 {
        let units: [Character: UInt64] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40]
        var digits = text.uppercased()
        var unit: UInt64 = 1
        if let last = digits.last, let factor = units[last] {
            unit = factor
            digits.removeLast()
        }
        guard let number = UInt64(digits), case let (bytes, overflow) = number.multipliedReportingOverflow(by: unit), !overflow,
            bytes < 1 << 62
        else {
            throw ProvisionError(
                .usage, "--memory \(text) is not an amount of memory",
                hint: "write a whole number of bytes, or one with K, M, G or T, such as 512M")
        }
        guard bytes >= leastMemory else {
            throw ProvisionError(.usage, "--memory \(text) is too little for a container", hint: "give 4M or more")
        }
        return bytes
    }

    private static func milliCPUs(_ text: String) throws(ProvisionError) -> Int {
        let hint = "write a number of processors from 0.01 on, such as 1.5"
        guard let number = Double(text), text.allSatisfy({ $0.isNumber || $0 == "." }), number.isFinite, number < 1_000_000
        else {
            throw ProvisionError(.usage, "--cpus \(text) is not a number of processors", hint: hint)
        }
        let thousandths = Int((number * 1000).rounded())
        // The kernel's least quota is a hundredth of its period.
        guard thousandths >= 10 else { throw ProvisionError(.usage, "--cpus \(text) is too little", hint: hint) }
        return thousandths
    }
}
