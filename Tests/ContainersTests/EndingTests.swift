import Glibc
import System
import SystemPackage
import Testing

@testable import Containers

@Suite struct EndingTests {
    private func outcome(
        _ mode: ContainerSpecification.Mode, _ status: ChildProcess.Status, _ reason: StopReason?, killed: Bool = false
    ) -> ContainerOutcome { ContainerOutcome(mode: mode, status: status, reason: reason, killed: killed) }

    @Test("the container's own status passes through") func own() {
        #expect(outcome(.run(["x"]), .exited(7), nil).status == 7)
        #expect(outcome(.boot, .exited(0), nil) == outcome(.run(["x"]), .exited(0), nil))
        #expect(outcome(.run(["x"]), .signalled(SIGKILL), nil).status == 137)
    }

    @Test("a machine shut down in order because it was asked to ends with 0") func shutDown() {
        #expect(outcome(.boot, .exited(0), .interruptKey).status == 0)
        #expect(outcome(.boot, .exited(0), .signal(SIGTERM)).status == 0)
        #expect(outcome(.boot, .exited(0), .signal(SIGTERM)).ending == .shutDown(.signal(SIGTERM)))
    }

    @Test("what had to be killed says by which signal it was asked") func killed() {
        #expect(outcome(.boot, .signalled(SIGKILL), .signal(SIGTERM), killed: true).status == 143)
        #expect(outcome(.boot, .signalled(SIGKILL), .interruptKey, killed: true).status == 130)
    }

    @Test("a command ended by our signal is 128 and the signal, whatever it exits with") func command() {
        #expect(outcome(.run(["x"]), .exited(0), .signal(SIGINT)).status == 130)
        #expect(outcome(.run(["x"]), .exited(3), .signal(SIGTERM)).status == 143)
    }

    @Test("a time limit is 124, as timeout(1)'s") func timeout() {
        #expect(outcome(.run(["x"]), .exited(0), .timeout).status == 124)
        #expect(outcome(.boot, .exited(0), .timeout).status == 124)
        #expect(outcome(.boot, .signalled(SIGKILL), .timeout, killed: true).status == 124)
    }

    private func teardown(
        _ mode: ContainerSpecification.Mode, _ reason: StopReason, kind: RootInspection.Initialization.Kind = .systemd
    ) throws -> Teardown {
        let specification = ContainerSpecification(
            machine: try MachineName("m"), root: .layers(["/l"]), mode: mode, storage: .kept)
        return Teardown(reason, specification: specification, initialization: .init(kind: kind), now: 1000)
    }

    @Test("a machine's init gets its shutdown signal at once, everything is killed after the grace time") func machine() throws
    {
        let plan = try teardown(.boot, .interruptKey)
        #expect(plan.action(at: 1000) == .send(.initialization(signal: 37)))
        #expect(plan.action(at: 30_999) == .send(.initialization(signal: 37)))
        #expect(plan.action(at: 31_000) == .kill)
        #expect(try teardown(.boot, .timeout, kind: .busybox).action(at: 1000) == .send(.initialization(signal: SIGUSR2)))
    }

    @Test("a command gets the signal that came, SIGTERM for a time limit, and ten seconds") func forwarded() throws {
        #expect(try teardown(.run(["x"]), .signal(SIGHUP)).action(at: 1000) == .send(.command(signal: SIGHUP)))
        #expect(try teardown(.run(["x"]), .timeout).action(at: 1000) == .send(.command(signal: SIGTERM)))
        #expect(try teardown(.run(["x"]), .timeout).action(at: 11_000) == .kill)
    }
}
