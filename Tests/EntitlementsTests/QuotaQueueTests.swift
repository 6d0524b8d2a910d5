import App
import Base
import Foundation
import Identity
import Modules
import Synchronization
import TestKit
import Testing

@testable import Entitlements

/// Calls that share a transaction: reservations of products elsewhere, and units that are spent at once.
@Suite struct QuotaQueueTests {
    private static let path = "/v1/entitlements/reservations"
    private let workflows = Meter("workflows", title: "Workflow")

    private func hold(_ quota: QuotaFixture, _ operation: String, _ units: Int64, fingerprint: String = "same")
        async throws -> QuotaHold
    {
        QuotaHold(
            id: newID(), charge: Charge(meter: workflows, units: units, snapshot: try await quota.snapshot()),
            operation: "remote/service-key/\(operation)", fingerprint: fingerprint, lease: .minutes(15),
            owner: try await owner(of: quota))
    }

    private func newID<Subject>() -> ID<Subject> { ID(trusted: UUID().uuidString.lowercased()) }

    private func owner(of quota: QuotaFixture) async throws -> ReservationOwner {
        ReservationOwner(try await quota.serviceScope())
    }

    /// The results of calls in one transaction: the state of a reservation, or the code of a refusal.
    private func perform(_ quota: QuotaFixture, _ calls: [QuotaCall]) async throws -> [String] {
        try await quota.database.write { [batches = quota.entitlements.queue.batches] transaction in
            try batches.perform(calls, in: transaction).map { result in
                switch result {
                case .success(.reservation(let reservation)):
                    "\(reservation.state.rawValue) \(reservation.used.map { "\($0)" } ?? "-")"
                case .success(.spent): "spent"
                case .failure(let refusal): refusal.kind.code
                }
            }
        }
    }

    @Test(arguments: Engine.available)
    func `the calls of one transaction are admitted in the order of their arrival, up to what is left`(engine: Engine)
        async throws
    {
        try await withQuotaFixture(engine, plan: "student") { quota in
            let (first, last) = (try await hold(quota, "first", 60), try await hold(quota, "last", 39))
            let charge = Charge(meter: workflows, units: 1, snapshot: try await quota.snapshot())
            let results = try await perform(
                quota,
                [
                    .reserve(first), .reserve(try await hold(quota, "does not fit", 60)), .reserve(last),
                    .reserve(try await hold(quota, "first", 60)),
                    .reserve(try await hold(quota, "first", 60, fingerprint: "another")),
                    .spend(charge, operation: "test:spent"), .spend(charge, operation: "test:spent"),
                    .spend(charge, operation: "test:refused"),
                ])
            #expect(
                results == [
                    "held -", "quota-exceeded", "held -", "held -", "operation-conflict", "spent", "spent",
                    "quota-exceeded",
                ])
            #expect(try await quota.level(workflows) == [1, 99, 0])
            #expect(try await quota.count("reservations") == 2)
            #expect(try await quota.count("usage_entries") == 1)

            let owner = try await owner(of: quota)
            let unknown: ID<Reservation> = newID()
            let settled = try await perform(
                quota,
                [
                    .commit(first.id, units: 50, of: owner), .release(last.id, of: owner),
                    .commit(first.id, units: nil, of: owner), .commit(first.id, units: 50, of: owner),
                    .commit(last.id, units: nil, of: owner), .release(first.id, of: owner),
                    .release(unknown, of: owner), .reserve(try await hold(quota, "first", 60)),
                    .reserve(try await hold(quota, "next", 49)), .reserve(try await hold(quota, "beyond", 1)),
                ])
            #expect(
                settled == [
                    "committed 50", "released -", "committed 50", "committed 50", "reservation-settled",
                    "reservation-settled", "not-found", "committed 50", "held -", "quota-exceeded",
                ])
            #expect(try await quota.level(workflows) == [51, 49, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `operation keys of other bytes are other operations, also where Unicode treats them as equivalent`(
        engine: Engine
    ) async throws {
        try await withQuotaFixture(engine, plan: "student") { quota in
            let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
            let charge = Charge(meter: workflows, units: 1, snapshot: try await quota.snapshot())
            let results = try await perform(
                quota,
                [
                    .reserve(try await hold(quota, composed, 10)), .reserve(try await hold(quota, decomposed, 20)),
                    .spend(charge, operation: "test:\(composed)"), .spend(charge, operation: "test:\(decomposed)"),
                ])
            #expect(results == ["held -", "held -", "spent", "spent"])
            #expect(try await quota.level(workflows) == [2, 30, 68])
        }
    }

    @Test(arguments: Engine.available)
    func `of many concurrent requests as many are admitted as the limit allows`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.poolSize = 8 }) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("student"))
            let headers = try await quota.service()
            let statuses = await withTaskGroup(of: Int.self) { group in
                for number in 0..<150 {
                    group.addTask {
                        await app.call(
                            "POST", Self.path, json: ["meter": "workflows", "operation": .string("call \(number)")],
                            headers: headers
                        ).status
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 201 } == 100 && statuses.count { $0 == 403 } == 50)
            #expect(try await quota.level(workflows) == [0, 100, 0])
            try await quota.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `a call that fails does not fail the others of its transaction`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: faults.wrap) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("student"))
            // No database keeps this text: the statement with it fails.
            let holds = [
                try await hold(quota, "first", 1), try await hold(quota, "fails \0", 1),
                try await hold(quota, "last", 1),
            ]
            let gate = Latch()
            faults.beforeWrites { await gate.wait() }
            let queue = quota.entitlements.queue
            let results = await withTaskGroup(of: (Int, Problem.Kind?).self) { group in
                for (index, hold) in holds.enumerated() {
                    group.addTask { (index, await problem { _ = try await queue.perform(.reserve(hold)) }?.kind) }
                }
                group.addTask {
                    _ = try? await eventually { queue.waiting == holds.count }
                    gate.open()
                    return (holds.count, nil)
                }
                return await group.reduce(into: [Int: Problem.Kind]()) { $0[$1.0] = $1.1 }
            }
            faults.beforeWrites(nil)
            #expect(results == [1: .internalError])
            #expect(try await quota.level(workflows) == [0, 2, 98])
            try await quota.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `reserving, committing and releasing are atomic at every failing statement, and happen once when repeated`(
        engine: Engine
    ) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: faults.wrap) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("student"))
            let headers = try await quota.service()
            func loop(_ path: String, _ body: JSONValue?) async throws -> JSONValue {
                var response: TestResponse?
                let count = try await faults.failEachStatement { _ in
                    response = await app.call("POST", path, json: body, headers: headers)
                } check: { _ in
                    try await quota.requireInvariants()
                }
                #expect(count >= 3)
                return try #require(response).json
            }
            for (operation, action, level) in [("one", "commit", [2, 0, 98]), ("two", "release", [2, 0, 98])]
                as [(String, String, [Int64?])]
            {
                let body: JSONValue = ["meter": "workflows", "units": 2, "operation": .string(operation)]
                let held = try await loop(Self.path, body)
                let id = try #require(held["id"]?.string, "\(held)")
                let settled = try await loop("\(Self.path)/\(id)/\(action)", nil)
                #expect(settled["state"]?.string == (action == "commit" ? "committed" : "released"), "\(settled)")
                #expect(try await quota.level(workflows) == level)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `after a commit whose outcome is unknown the operation keys tell what was done`(engine: Engine) async throws {
        let commits = LostResponses()
        try await withTestApp(engine, databaseWrapper: { UnansweredDatabase(base: $0, commits: commits) }) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("student"))
            let headers = try await quota.service()
            let body: JSONValue = ["meter": "workflows", "units": 3, "operation": "once"]
            _ = await app.call(
                "POST", Self.path, json: ["meter": "workflows", "operation": "before"], headers: headers)
            commits.loseNext()
            let held = await app.call("POST", Self.path, json: body, headers: headers)
            #expect(held.status == 201 && held["state"] == "held", "\(held)")
            let id = try #require(held["id"]?.string)
            commits.loseNext()
            let committed = await app.call("POST", "\(Self.path)/\(id)/commit", headers: headers)
            #expect(committed.status == 200 && committed["used"] == 3, "\(committed)")
            #expect(commits.count == 2)
            #expect(try await quota.level(workflows) == [3, 1, 96])
            try await quota.requireInvariants()
        }
    }
}

/// Commits whose response is lost.
private final class LostResponses: Sendable {
    private let state = Mutex((isNext: false, count: 0))

    var count: Int { state.withLock { $0.count } }

    func loseNext() { state.withLock { $0.isNext = true } }

    fileprivate func isLost() -> Bool {
        state.withLock { state in
            guard state.isNext else { return false }
            state = (false, state.count + 1)
            return true
        }
    }
}

/// A database whose commits take effect, and of which some are reported as unknown.
private final class UnansweredDatabase: DatabaseWrapper {
    let base: any Database
    private let commits: LostResponses

    init(base: any Database, commits: LostResponses) {
        self.base = base
        self.commits = commits
    }

    func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        let result = try await base.write(body)
        if commits.isLost() { throw StorageError(.outcomeUnknown, code: "test", message: "a lost response").problem }
        return result
    }
}
