import Testing

@testable import Installing

@Suite("Pages of Berkeley databases")
struct BerkeleyPageTests {
    private func page(_ type: UInt8, entries: [UInt16], size: Int = 512, _ parts: [(Int, [UInt8])]) -> [UInt8] {
        var page = [UInt8](repeating: 0xee, count: size)
        func put(_ bytes: [UInt8], at place: Int) { page.replaceSubrange(place..<place + bytes.count, with: bytes) }
        put([UInt8(entries.count), 0], at: 20)
        page[25] = type
        for (number, entry) in entries.enumerated() { put([UInt8(entry & 255), UInt8(entry >> 8)], at: 26 + 2 * number) }
        for (place, bytes) in parts { put(bytes, at: place) }
        return page
    }

    @Test("a hash page keeps its items, the one at the page's end first; what leads to other pages loses its idle bytes")
    func hash() {
        var page = page(13, entries: [507, 495], [(507, [1, 7, 0, 0, 0]), (495, [3, 9, 9, 9, 2, 0, 0, 0, 4, 0, 0, 0])])
        BerkeleyPages.clear(&page)
        #expect(Array(page[495...]) == [3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 1, 7, 0, 0, 0])
        #expect(page[30..<495].allSatisfy { $0 == 0 })
        #expect(page[20] == 2 && page[25] == 13 && Array(page[26..<30]) == [251, 1, 239, 1])
    }

    @Test("a leaf keeps keys and data by their lengths, and not what fills them up to four bytes")
    func leaf() {
        var page = page(5, entries: [504, 500], [(504, [3, 0, 1, 65, 66, 67]), (500, [1, 0, 1, 90])])
        BerkeleyPages.clear(&page)
        #expect(Array(page[500...]) == [1, 0, 1, 90, 3, 0, 1, 65, 66, 67, 0, 0])
    }

    @Test("an overflow page keeps as much as it holds; a free one its head")
    func overflow() {
        var page = page(7, entries: [], [(22, [5, 0])])
        BerkeleyPages.clear(&page)
        #expect(page[26..<31].allSatisfy { $0 == 0xee } && page[31...].allSatisfy { $0 == 0 })
    }

    @Test("a page that isn't laid out as it should stays as it is, and a second time changes nothing, whatever the bytes are")
    func anything() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<4000 {
            var page = (0..<512).map { _ in UInt8.random(in: 0...255, using: &random) }
            page[25] = [0, 1, 2, 3, 5, 7, 8, 13].randomElement(using: &random)!
            page[21] = UInt8.random(in: 0...1, using: &random)
            if Bool.random() { (page[20], page[21]) = (UInt8.random(in: 0...3), 0) }
            BerkeleyPages.clear(&page)
            let once = page
            BerkeleyPages.clear(&page)
            #expect(page == once)
        }
        var wrong = page(5, entries: [504, 2000], [(504, [3, 0, 1, 65, 66, 67])])
        let before = wrong
        BerkeleyPages.clear(&wrong)
        #expect(wrong == before)
    }
}
