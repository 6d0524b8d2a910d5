import App
import ArgumentParser
import Entitlements
import Foundation
import Modules
import ServiceLifecycle

/// One process of the proof. Its tasks reserve units, and then commit fewer, as many or more, release or abandon them,
/// until the process is killed.
struct ProofWorkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "proof-work", shouldDisplay: false)

    @Option var folder: String
    @Option var database: String
    @Option var node: String
    /// The number of the process among those of its node: their operation keys differ.
    @Option var life: Int
    @Option var tasks: Int
    @Option var connections: Int
    /// Draws units from escrow blocks instead of reserving each.
    @Flag var escrow = false

    static let lease: Duration = .seconds(2)

    func run() async throws {
        let parent = getppid()
        let server = try await ProofServer(folder: folder, database: database, connections: connections)
        try await server.app.entitlements.recovery.startNode(as: node)
        let tokens = try server.tokens()
        var charges: [[Charge]] = []
        for token in tokens {
            var own: [Charge] = []
            for units: Int64 in 1...3 {
                own.append(try await server.charge(token, units: units, escrow ? .escrow : .durable))
            }
            charges.append(own)
        }
        let report = try ProofReport(appendingTo: "\(folder)/report-\(node)")
        StartMark(of: getpid(), in: folder).write()
        await withTaskGroup(of: Void.self) { [charges] group in
            group.addTask {
                // The process ends with its parent.
                while getppid() == parent {
                    _ = try? await server.app.entitlements.recovery.recover()
                    // A jump of the clock ends the leases of blocks, so that each draw would use up a block.
                    if !escrow { server.clock.set(offset: [.hours(-1), .zero, .hours(1)].randomElement() ?? .zero) }
                    try? await Task.sleep(for: .seconds(1))
                }
                Foundation.exit(1)
            }
            if escrow {
                group.addTask {
                    _ = try? await server.app.entitlements.escrow.refresher(logger: server.app.logger).run()
                }
            }
            for task in 0..<tasks {
                group.addTask {
                    var number = 0
                    while true {
                        number += 1
                        let key = "\(node)-\(life)-\(task)-\(number)"
                        if escrow {
                            await draw(key, charges, server, report)
                        } else {
                            await operate(key, charges, server, report)
                        }
                    }
                }
            }
        }
    }

    private func draw(_ key: String, _ charges: [[Charge]], _ server: ProofServer, _ report: ProofReport) async {
        let account = Int.random(in: 0..<charges.count)
        guard let charge = charges[account].randomElement() else { return }
        report.append(.requested, key, Int64(account), charge.units)
        do {
            try await server.app.entitlements.escrow.draw(charge, operation: key)
            report.append(.committed, key, charge.units)
            try? await Task.sleep(for: .milliseconds(Int.random(in: 0..<40)))
        } catch {
            report.append(error.kind == .quotaExceeded ? .refused : .failed, key)
            try? await Task.sleep(for: .milliseconds(Int.random(in: 0..<200)))
        }
    }

    private func operate(_ key: String, _ charges: [[Charge]], _ server: ProofServer, _ report: ProofReport) async {
        let (database, entitlements) = (server.app.database, server.app.entitlements)
        let account = Int.random(in: 0..<charges.count)
        guard let charge = charges[account].randomElement() else { return }
        let terms = Reservation.Terms(lifetime: Bool.random() ? .process : .lease, lease: Self.lease)
        report.append(.requested, key, Int64(account), charge.units)
        do {
            let id = try await database.write {
                try entitlements.quotas.reserve(
                    charge, operation: charge.operation(key: key), fingerprint: key, terms: terms, in: $0)
            }
            try await Task.sleep(for: .milliseconds(Int.random(in: 0..<30)))
            switch Int.random(in: 0..<100) {
            case 0..<50:
                let units = max(0, charge.units + ([-1, 0, 0, 0, 1].randomElement() ?? 0))
                let settled = try await database.write { try entitlements.quotas.commit(id, units: units, in: $0) }
                report.append(.committed, key, settled?.actual ?? 0)
            case 50..<96:
                try await database.write { try entitlements.quotas.release(id, in: $0) }
                report.append(.released, key)
            case 96..<98:
                // After the end of the lease a commit still succeeds.
                try await Task.sleep(for: Self.lease * 1.5)
                let settled = try await database.write { try entitlements.quotas.commit(id, in: $0) }
                report.append(.committed, key, settled?.actual ?? 0)
            default: report.append(.abandoned, key)
            }
        } catch let problem as Problem where problem.kind == .quotaExceeded {
            report.append(.refused, key)
            // A pause after a refusal, instead of a busy loop.
            try? await Task.sleep(for: .milliseconds(Int.random(in: 0..<200)))
        } catch {
            report.append(.failed, key)
            try? await Task.sleep(for: .milliseconds(50))
        }
    }
}
