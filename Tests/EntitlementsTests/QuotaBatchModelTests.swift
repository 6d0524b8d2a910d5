import App
import Base
import Foundation
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// Random calls in transactions of many, and the same calls of another organisation one by one: results and levels are
/// the same.
///
/// `GATEHOUSE_SEED` selects other calls. A failure names the seed and the round.
@Suite struct QuotaBatchModelTests {
    private static let seed = UInt64(ProcessInfo.processInfo.environment["GATEHOUSE_SEED"] ?? "") ?? 1
    private static let operations = 60
    private static let callsMax = 24
    private static let workflows = Meter("workflows", title: "Workflow")

    private enum Step: Sendable {
        case reserve(Int, units: Int64, fingerprint: String)
        case spend(Int, units: Int64)
        case commit(Int, units: Int64?)
        case release(Int)
    }

    /// An organisation, with the reservations of operations so far.
    private struct Side {
        let quota: QuotaFixture
        var ids: [Int: ID<Reservation>] = [:]

        /// The results of steps in one transaction.
        mutating func perform(_ steps: [Step]) async throws -> [String] {
            let owner = ReservationOwner(try await quota.serviceScope())
            let snapshot = try await quota.snapshot()
            let calls = steps.map { step -> QuotaCall in
                switch step {
                case .reserve(let operation, let units, let fingerprint):
                    return .reserve(
                        QuotaHold(
                            id: ID(trusted: UUID().uuidString.lowercased()),
                            charge: Charge(meter: workflows, units: units, snapshot: snapshot),
                            operation: owner.operationPrefix + "\(operation)", fingerprint: fingerprint,
                            lease: .minutes(15), owner: owner))
                case .spend(let operation, let units):
                    return .spend(
                        Charge(meter: workflows, units: units, snapshot: snapshot), operation: "test:\(operation)")
                case .commit(let operation, let units):
                    return .commit(ids[operation] ?? ID(trusted: "none"), units: units, of: owner)
                case .release(let operation): return .release(ids[operation] ?? ID(trusted: "none"), of: owner)
                }
            }
            let results = try await quota.database.write { [batches = quota.entitlements.queue.batches] in
                try batches.perform(calls, in: $0)
            }
            var texts: [String] = []
            for (step, result) in zip(steps, results) {
                switch result {
                case .success(.reservation(let reservation)):
                    if case .reserve(let operation, _, _) = step { ids[operation] = reservation.id }
                    let used = reservation.used.map { "\($0)" } ?? "-"
                    texts.append("\(reservation.state.rawValue) \(used) \(reservation.isOverrun)")
                case .success(.spent): texts.append("spent")
                case .failure(let refusal): texts.append(refusal.kind.code)
                }
            }
            return texts
        }
    }

    @Test(arguments: Engine.available)
    func `calls in one transaction have the results that they have one by one`(engine: Engine) async throws {
        let rounds = TestScale.rounds(engine == .sqlite ? 400 : 150)
        try await withQuotaFixture(engine, plan: "student") { quota in
            var generator = SplitMix(seed: Self.seed)
            var together = Side(quota: quota)
            var alone = Side(
                quota: QuotaFixture(app: quota.app, person: try await quota.app.subscriber("student", "other")))
            // Of the period: its operations have numbers of their own.
            var first = 0
            var seen: Set<String> = []
            for round in 1...rounds {
                let steps = Self.steps(from: first, known: together.ids.keys.sorted(), &generator)
                let results = try await together.perform(steps)
                var expected: [String] = []
                for step in steps { expected += try await alone.perform([step]) }
                guard results == expected else {
                    Issue.record("round \(round) of seed \(Self.seed): \(steps): \(results), \(expected)")
                    return
                }
                seen.formUnion(results.compactMap { $0.split(separator: " ").first.map(String.init) })
                let levels = (
                    try await together.quota.level(Self.workflows), try await alone.quota.level(Self.workflows)
                )
                #expect(levels.0 == levels.1, "round \(round) of seed \(Self.seed)")
                if round.isMultiple(of: 10) {
                    // Leases end, and later a period with all of its units.
                    quota.app.clock.advance(by: round.isMultiple(of: 20) ? .days(31) : .minutes(16))
                    try await quota.entitlements.recovery.recover()
                    try await quota.requireInvariants()
                    if round.isMultiple(of: 20) {
                        (together.ids, alone.ids) = ([:], [:])
                        first += Self.operations
                    }
                }
            }
            #expect(
                seen.isSuperset(of: [
                    "held", "committed", "released", "spent", "quota-exceeded", "operation-conflict",
                    "reservation-settled",
                ]), "\(seen)")
        }
    }

    /// - Parameters:
    ///   - first: the lowest number of an operation.
    ///   - known: operations with a reservation that an earlier transaction has made.
    private static func steps(from first: Int, known: [Int], _ generator: inout SplitMix) -> [Step] {
        (0..<Int.random(in: 1...callsMax, using: &generator)).map { _ in
            let units = Int64.random(in: 1...9, using: &generator)
            let operation = first + Int.random(in: 0..<operations, using: &generator)
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<4:
                let fingerprint = Int.random(in: 0..<20, using: &generator) == 0 ? "another" : "same"
                return .reserve(operation, units: 1 + Int64(operation % 9), fingerprint: fingerprint)
            case 4: return .spend(operation, units: Int.random(in: 0..<20, using: &generator) == 0 ? units : 1)
            case 5..<8:
                guard let known = known.randomElement(using: &generator) else { return .spend(operation, units: 1) }
                return .commit(known, units: Bool.random(using: &generator) ? units : nil)
            default:
                guard let known = known.randomElement(using: &generator) else { return .spend(operation, units: 1) }
                return .release(known)
            }
        }
    }
}
