internal import System

/// The 512 bytes of a ustar header: texts padded with NULs, numbers octal with a NUL behind; see tar(5).
struct UstarBlock {
    /// Where a field lies.
    struct Field {
        let place: Int
        let length: Int

        static let name = Field(place: 0, length: 100)
        static let mode = Field(place: 100, length: 8)
        static let owner = Field(place: 108, length: 8)
        static let group = Field(place: 116, length: 8)
        static let size = Field(place: 124, length: 12)
        static let modified = Field(place: 136, length: 12)
        static let checksum = Field(place: 148, length: 8)
        static let target = Field(place: 157, length: 100)
        static let magic = Field(place: 257, length: 8)
        static let deviceMajor = Field(place: 329, length: 8)
        static let deviceMinor = Field(place: 337, length: 8)
        static let prefix = Field(place: 345, length: 155)
    }

    private var bytes = [UInt8](repeating: 0, count: 512)
    private static let typePlace = 156
    private static let magic = Array("ustar\u{0}00".utf8)[...]

    init() { put(UstarBlock.magic, .magic) }

    var type: UInt8 {
        get { bytes[UstarBlock.typePlace] }
        set { bytes[UstarBlock.typePlace] = newValue }
    }

    /// As many bytes as the field has room for.
    mutating func put(_ text: ArraySlice<UInt8>, _ field: Field) {
        for (index, byte) in text.prefix(field.length).enumerated() { bytes[field.place + index] = byte }
    }

    /// Whether the number fits; where it doesn't, the field is 0.
    mutating func put(_ value: UInt64, _ field: Field) -> Bool {
        let digits = field.length - 1
        let fits = value >> UInt64(3 * digits) == 0
        var rest = fits ? value : 0
        for index in (0..<digits).reversed() {
            bytes[field.place + index] = UInt8(ascii: "0") + UInt8(rest & 7)
            rest >>= 3
        }
        return fits
    }

    mutating func set(_ device: DeviceNumber, type: UInt8) {
        self.type = type
        _ = put(UInt64(device.major), .deviceMajor)
        _ = put(UInt64(device.minor), .deviceMinor)
    }

    /// With its checksum: six digits, a NUL and a blank, summed as if they were blanks.
    consuming func sealed() -> [UInt8] {
        let blank = UInt8(ascii: " ")
        for index in 0..<8 { bytes[Field.checksum.place + index] = blank }
        var sum = 0
        for byte in bytes { sum += Int(byte) }
        _ = put(UInt64(sum), Field(place: Field.checksum.place, length: 7))
        bytes[Field.checksum.place + 6] = 0
        return bytes
    }
}
