import Layers
import Model
import System
import Testing

@testable import Provisioning

@Suite("The versions of a service")
struct ServiceRecordTests {
    private func record(current: Int, _ versions: [(number: Int, after: Int?)]) -> ServiceRecord {
        var record = ServiceRecord(name: "ftp")
        record.versions = versions.map { number, after in
            ServiceRecord.Version(
                number: number, layer: .init(name: "ftp\(number)", digest: sha256(of: "\(number)")), words: [], deployed: 0,
                shipped: true, after: after)
        }
        record.current = current
        return record
    }

    @Test("a rollback goes to the version that served before, not to one that was rolled back from")
    func rollback() {
        // 1, 2, back to 1, then 3.
        let record = record(current: 3, [(1, nil), (2, 1), (3, 1)])
        #expect(record.previous?.number == 1)
        #expect(record.inOrderOfUse.map(\.number) == [3, 1, 2])
    }

    @Test("records of before know the order alone")
    func old() {
        let record = record(current: 3, [(1, nil), (2, nil), (3, nil)])
        #expect(record.previous?.number == 2)
        #expect(record.inOrderOfUse.map(\.number) == [3, 2, 1])
    }

    @Test("after a rollback the newer version is the last to be kept")
    func rolledBack() {
        let record = record(current: 1, [(1, nil), (2, 1)])
        #expect(record.previous == nil)
        #expect(record.inOrderOfUse.map(\.number) == [1, 2])
    }
}
