internal import CSolv
internal import Diagnostics
internal import Repositories

/// A repository's packages in a form in which a few of them can be found and read without the rest: who provides a name, who
/// obsoletes or supplements it, what a package needs.
///
/// Strings, relations and packages have the numbers that libsolv gives them in a pool of this repository alone. Everything is read
/// with its bounds checked; what doesn't fit is damage.
final class ClosureIndex {
    /// Arrays of 32-bit numbers, and three of bytes.
    enum Section: Int, CaseIterable {
        case stringOffsets, stringBytes, stringTable
        case pathOffsets, pathBytes, pathTable
        /// Name, version, flags of each.
        case relations
        /// `Package`s, and one more as the end.
        case packages
        /// Of each package, for every `Dependency` in turn: how many, and their numbers.
        case dependencies
        /// Numbers of paths.
        case files
        case facts
        /// By string: where its packages begin in `providers`.
        case providerOffsets, providers
        /// By path: where its packages begin in `owners`.
        case ownerOffsets, owners
        /// Pairs of a string and a package, sorted.
        case obsoleters, supplementers
    }

    enum Dependency: Int, CaseIterable {
        case provides, requires, obsoletes, conflicts, recommends, suggests, supplements, enhances
    }

    /// Numbers of strings, and where the rest of the package begins in its sections.
    struct Package {
        static let words = 6
        var name, version, arch: UInt32
        var dependencies, files, facts: UInt32
    }

    typealias Words = UnsafeBufferPointer<UInt32>
    typealias Text = UnsafeBufferPointer<UInt8>
    typealias Damage = DerivedBlocks.Damage

    private let blocks: DerivedBlocks
    private let sections: [Range<Int>]
    let strings: TextTable
    let paths: TextTable
    let packageCount: Int

    init(_ blocks: DerivedBlocks) throws(Damage) {
        self.blocks = blocks
        let header = try blocks.bytes(0..<8 * Section.allCases.count).assumingMemoryBound(to: UInt32.self)
        var sections: [Range<Int>] = []
        for section in Section.allCases {
            let start = Int(header[2 * section.rawValue])
            let end = start + Int(header[2 * section.rawValue + 1])
            guard start % 8 == 0, end <= blocks.count else { throw blocks.damage() }
            sections.append(start..<end)
        }
        self.sections = sections
        strings = TextTable(offsets: .stringOffsets, bytes: .stringBytes, table: .stringTable)
        paths = TextTable(offsets: .pathOffsets, bytes: .pathBytes, table: .pathTable)
        packageCount = sections[Section.packages.rawValue].count / (4 * Package.words) - 1
        guard packageCount >= 0, strings.count(in: self) >= 0, paths.count(in: self) >= 0 else { throw blocks.damage() }
    }

    func damage() -> Damage { blocks.damage() }

    /// How many numbers a section has.
    func count(_ section: Section) -> Int { sections[section.rawValue].count / 4 }

    func words(_ section: Section, _ start: Int, _ end: Int) throws(Damage) -> Words {
        let extent = sections[section.rawValue]
        guard start >= 0, start <= end, end * 4 <= extent.count else { throw damage() }
        let bytes = try blocks.bytes(extent.lowerBound + 4 * start..<extent.lowerBound + 4 * end)
        return Words(start: bytes.assumingMemoryBound(to: UInt32.self), count: end - start)
    }

    func bytes(_ section: Section, _ start: Int, _ end: Int) throws(Damage) -> Text {
        let extent = sections[section.rawValue]
        guard start >= 0, start <= end, end <= extent.count else { throw damage() }
        let bytes = try blocks.bytes(extent.lowerBound + start..<extent.lowerBound + end)
        return Text(start: bytes.assumingMemoryBound(to: UInt8.self), count: end - start)
    }

    // MARK: Packages

    func package(_ number: Int) throws(Damage) -> Package {
        guard number < packageCount else { throw damage() }
        return try head(number)
    }

    /// Of a package, or of the end of all.
    private func head(_ number: Int) throws(Damage) -> Package {
        let words = try words(.packages, number * Package.words, (number + 1) * Package.words)
        return Package(
            name: words[0], version: words[1], arch: words[2], dependencies: words[3], files: words[4], facts: words[5])
    }

    /// Calls `body` with each kind's numbers: of strings, or of relations with libsolv's bit for them.
    func eachDependency(
        of number: Int, _ body: (Dependency, Words) throws(Damage) -> Void
    ) throws(Damage) {
        let (here, next) = (try package(number), try head(number + 1))
        let all = try words(.dependencies, Int(here.dependencies), Int(next.dependencies))
        var position = 0
        for kind in Dependency.allCases {
            guard position < all.count, position + Int(all[position]) < all.count else { throw damage() }
            let end = position + 1 + Int(all[position])
            try body(kind, Words(rebasing: all[position + 1..<end]))
            position = end
        }
    }

    /// Numbers of the paths that primary metadata lists.
    func files(of number: Int) throws(Damage) -> Words {
        try words(.files, Int(try package(number).files), Int(try head(number + 1).files))
    }

    func facts(of number: Int) throws(Damage) -> PackageFacts {
        let text = try bytes(.facts, Int(try package(number).facts), Int(try head(number + 1).facts))
        guard let facts = PackageFacts(text) else { throw damage() }
        return facts
    }

    /// Relations may stand in one another; deeper than this none does.
    static let maximumDepth = 200

    /// Name, version and flags.
    func relation(_ dependency: UInt32) throws(Damage) -> (name: UInt32, version: UInt32, flags: UInt32) {
        let number = Int(dependency ^ ClosureIndex.relationBit)
        let words = try words(.relations, 3 * number, 3 * number + 3)
        return (words[0], words[1], words[2])
    }

    /// libsolv's mark of a number that is a relation's.
    static let relationBit: UInt32 = 0x8000_0000

    // MARK: Who has to do with a name

    /// Packages that provide the string, or a version of it, or bear it as their name.
    func providers(of string: Int) throws(Damage) -> Words { try list(.providerOffsets, .providers, string) }

    func owners(of path: Int) throws(Damage) -> Words { try list(.ownerOffsets, .owners, path) }

    private func list(_ offsets: Section, _ section: Section, _ number: Int) throws(Damage) -> Words {
        let bounds = try words(offsets, number, number + 2)
        return try words(section, Int(bounds[0]), Int(bounds[1]))
    }

    /// Packages that `section` (obsoleters or supplementers) pairs with the string.
    func paired(_ section: Section, with string: Int) throws(Damage) -> [Int] {
        let pairs = try words(section, 0, count(section))
        var (low, high) = (0, pairs.count / 2)
        while low < high {
            let middle = (low + high) / 2
            if pairs[2 * middle] < string { low = middle + 1 } else { high = middle }
        }
        var found: [Int] = []
        while low < pairs.count / 2, pairs[2 * low] == string {
            found.append(Int(pairs[2 * low + 1]))
            low += 1
        }
        return found
    }

    // MARK: Texts

    /// Numbered texts, to be found by number and by content.
    struct TextTable {
        let offsets, bytes, table: Section

        func count(in index: ClosureIndex) -> Int { index.count(offsets) - 1 }

        /// Without the zero byte that follows it.
        func text(_ number: Int, in index: ClosureIndex) throws(Damage) -> Text {
            let bounds = try index.words(offsets, number, number + 2)
            let text = try index.bytes(bytes, Int(bounds[0]), Int(bounds[1]))
            guard text.last == 0 else { throw index.damage() }
            return Text(rebasing: text.dropLast())
        }

        func number(of text: Text, in index: ClosureIndex) throws(Damage) -> Int? {
            let size = index.count(table)
            guard size > 0, size & (size - 1) == 0 else { throw index.damage() }
            var place = Int(TextTable.hash(text)) & (size - 1)
            for _ in 0..<size {
                let entry = try index.words(table, place, place + 1)[0]
                if entry == 0 { return nil }
                let other = try self.text(Int(entry) - 1, in: index)
                if other.elementsEqual(text) { return Int(entry) - 1 }
                place = (place + 1) & (size - 1)
            }
            throw index.damage()
        }

        /// FNV-1a.
        static func hash(_ text: Text) -> UInt32 {
            var hash: UInt32 = 2_166_136_261
            for byte in text { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
            return hash
        }
    }
}
