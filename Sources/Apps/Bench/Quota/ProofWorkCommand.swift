import App
import ArgumentParser
import Entitlements
import Foundation
import Modules
import ServiceLifecycle

/// One process of the proof: tasks that reserve, and then commit less, as much or more, release, or say nothing more. It works until it is killed.
struct ProofWorkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "proof-work", shouldDisplay: false)

    @Option var folder: String
    @Option var database: String
    @Option var node: String
    /// Which life of the node this is: keys of two lives differ.
    @Option var life: Int
    @Option var tasks: Int
    @Option var connections: Int
    /// Draw units from blocks instead of reserving each.
    @Flag var escrow = false

    static let lease: Duration = .seconds(2)

    func run() async throws {
        let parent = getppid()
        let house = try await ProofServer(folder: folder, database: database, connections: connections)
        try await house.app.entitlements.recovery.startNode(as: node)
        let tokens = try house.tokens()
        var charges: [[Charge]] = []
        for token in tokens {
            var own: [Charge] = []
            for units: Int64 in 1...3 {
                own.append(try await house.charge(token, units: units, escrow ? .escrow : .durable))
            }
            charges.append(own)
        }
        let report = try ProofReport(appendingTo: "\(folder)/report-\(node)")
        await withTaskGroup(of: Void.self) { [charges] group in
            group.addTask {
                // Nobody outlives whoever judges.
                while getppid() == parent {
                    _ = try? await house.app.entitlements.recovery.recover()
                    // A block's lease is the database's, and a clock that jumps ends it: each draw would then cost a block.
                    if !escrow { house.clock.move(to: [.hours(-1), .zero, .hours(1)].randomElement() ?? .zero) }
                    try? await Task.sleep(for: .seconds(1))
                }
                Foundation.exit(1)
            }
            if escrow {
                group.addTask { _ = try? await house.app.entitlements.escrow.refresher(logger: house.app.logger).run() }
            }
            for task in 0..<tasks {
                group.addTask {
                    var number = 0
                    while true {
                        number += 1
                        let key = "\(node)-\(life)-\(task)-\(number)"
                        if escrow {
                            await draw(key, charges, house, report)
                        } else {
                            await operate(key, charges, house, report)
                        }
                    }
                }
            }
        }
    }

    private func draw(_ key: String, _ charges: [[Charge]], _ house: ProofServer, _ report: ProofReport) async {
        let customer = Int.random(in: 0..<charges.count)
        guard let charge = charges[customer].randomElement() else { return }
        report.say(.asks, key, Int64(customer), charge.units)
        do {
            try await house.app.entitlements.escrow.draw(charge, operation: key)
            report.say(.committed, key, charge.units)
            try? await Task.sleep(for: .milliseconds(Int.random(in: 0..<40)))
        } catch {
            report.say(error.kind == .quotaExceeded ? .refused : .failed, key)
            try? await Task.sleep(for: .milliseconds(Int.random(in: 0..<200)))
        }
    }

    private func operate(_ key: String, _ charges: [[Charge]], _ house: ProofServer, _ report: ProofReport) async {
        let (database, entitlements) = (house.app.database, house.app.entitlements)
        let customer = Int.random(in: 0..<charges.count)
        guard let charge = charges[customer].randomElement() else { return }
        let terms = Reservation.Terms(
            lifetime: Bool.random() ? .process : .lease,
            excess: Reservation.Excess.allCases.randomElement() ?? .overrun,
            lease: Self.lease)
        report.say(.asks, key, Int64(customer), charge.units)
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
                report.say(.committed, key, settled?.actual ?? 0)
            case 50..<96:
                try await database.write { try entitlements.quotas.release(id, in: $0) }
                report.say(.released, key)
            case 96..<98:
                // Too late, and done all the same.
                try await Task.sleep(for: Self.lease * 1.5)
                let settled = try await database.write { try entitlements.quotas.commit(id, in: $0) }
                report.say(.committed, key, settled?.actual ?? 0)
            default: report.say(.abandoned, key)
            }
        } catch let problem as Problem where problem.kind == .quotaExceeded {
            report.say(.refused, key)
            // Whoever is refused comes back later; a limit that is met is not worth a busy loop.
            try? await Task.sleep(for: .milliseconds(Int.random(in: 0..<200)))
        } catch {
            report.say(.failed, key)
            try? await Task.sleep(for: .milliseconds(50))
        }
    }
}
