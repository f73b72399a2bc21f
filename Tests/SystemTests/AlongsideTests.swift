import Diagnostics
import Glibc
import Synchronization
import Testing

@testable import System

@Suite("work on a thread of its own") struct AlongsideTests {
    @Test("its value is waited for, and asked for as often as one likes")
    func value() throws {
        let work = Alongside { () throws(ProvisionError) -> Int in
            usleep(20_000)
            return 7
        }
        #expect(try work.value() == 7)
        #expect(try work.value() == 7)
    }

    @Test("what it throws is thrown where its value is asked for")
    func failure() {
        let work = Alongside { () throws(ProvisionError) -> Int in throw ProvisionError(.notFound, "nothing there") }
        let error = #expect(throws: ProvisionError.self) { try work.value() }
        #expect(error?.message == "nothing there")
    }

    @Test("it has ended when nobody wants its value any more")
    func forgotten() {
        let flag = Flag()
        do {
            _ = Alongside { () throws(ProvisionError) in
                usleep(50_000)
                flag.isSet.withLock { $0 = true }
            }
        }
        #expect(flag.isSet.withLock { $0 })
    }

    private final class Flag: Sendable {
        let isSet = Mutex(false)
    }
}
