import App
import Base
import Identity
import Modules
import Synchronization
import TestKit
import Testing

@testable import Entitlements

/// Reservations whose outcome a resolver returns after their lease or their process has ended.
@Suite struct ReservationResolverTests {
    private static let terms = Reservation.Terms(onExpiry: .resolve("test-resolver"), lease: .minutes(10))

    /// A resolver with an outcome for each operation; it records its calls.
    private final class ResolverFixture: Sendable {
        private let state = Mutex<(calls: [String], outcomes: [String: Reservation.Resolution])>(([], [:]))

        var calls: [String] { state.withLock { $0.calls } }
        func set(_ outcome: Reservation.Resolution?, of operation: String) {
            state.withLock { $0.outcomes[operation] = outcome }
        }

        /// - Throws: for an operation without an outcome.
        func outcome(of reservation: Reservation) throws -> Reservation.Resolution {
            try state.withLock { state in
                state.calls.append(reservation.operation)
                guard let outcome = state.outcomes[reservation.operation] else {
                    throw Problem(.conflict, detail: "The outcome is unknown.")
                }
                return outcome
            }
        }

        func register(for quota: QuotaFixture) {
            quota.entitlements.resolvers.register("test-resolver") { reservation, _ in
                try self.outcome(of: reservation)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a reservation with an ended lease gets the outcome of its resolver`(engine: Engine) async throws {
        try await withQuotaFixture(engine, plan: "enterprise") { quota in
            let resolver = ResolverFixture()
            resolver.register(for: quota)
            let (less, more) = (
                try await quota.reserve(try await quota.charge(units: 10), "test:less", terms: Self.terms),
                try await quota.reserve(try await quota.charge(units: 10), "test:more", terms: Self.terms)
            )
            let (none, on) = (
                try await quota.reserve(try await quota.charge(units: 100), "test:none", terms: Self.terms),
                try await quota.reserve(try await quota.charge(units: 200), "test:on", terms: Self.terms)
            )
            resolver.set(.used(4), of: "test:less")
            resolver.set(.used(15), of: "test:more")
            resolver.set(.unused, of: "test:none")
            resolver.set(.inProgress(.minutes(30)), of: "test:on")
            #expect(try await quota.entitlements.recovery.recover() == 0)
            #expect(resolver.calls.isEmpty)
            quota.app.clock.advance(by: .minutes(10) + .seconds(1))
            #expect(try await quota.entitlements.recovery.recover() == 3)
            #expect(resolver.calls.sorted() == ["test:less", "test:more", "test:none", "test:on"])
            #expect(
                try await (quota.state(less), quota.state(more), quota.state(none), quota.state(on)) == (
                    "committed", "committed", "expired", "held"
                ))
            #expect(try await quota.level() == [19, 200, 780])
            // The resolver is called once per lease: not for ended reservations, and not before the new lease ends.
            quota.app.clock.advance(by: .minutes(29))
            #expect(try await quota.entitlements.recovery.recover() == 0)
            #expect(resolver.calls.count == 4)
            // The fence is unchanged.
            #expect(try await quota.extend(on, fence: 1))
            #expect(try await quota.commit(on, units: 150, fence: 1)?.actual == 150)
            #expect(try await quota.level() == [169, 0, 830])
        }
    }

    @Test(arguments: Engine.available)
    func `an outcome beyond the limit is counted as an overrun`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let resolver = ResolverFixture()
            resolver.register(for: quota)
            try await quota.reserve(try await quota.charge(units: 3), "test:job", terms: Self.terms)
            resolver.set(.used(9), of: "test:job")
            quota.app.clock.advance(by: .hours(1))
            #expect(try await quota.entitlements.recovery.recover() == 1)
            #expect(try await quota.level() == [9, 0, 0])
            let entry = try await quota.database.read {
                try $0.first("SELECT amount, beyond, is_overrun FROM usage_entries")?.values
            }
            #expect(entry == [.integer(9), .integer(4), .integer(1)])
        }
    }

    @Test(arguments: Engine.available)
    func `without a registered resolver the units are committed, with a log line`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let id = try await quota.reserve(try await quota.charge(units: 3), terms: Self.terms)
            quota.app.clock.advance(by: .hours(1))
            #expect(try await quota.entitlements.recovery.recover() == 1)
            #expect(try await quota.state(id) == "committed")
            #expect(try await quota.level() == [3, 0, 2])
            let lines = quota.app.log.lines.filter { $0.contains("has no registered resolver") }
            #expect(
                lines.count == 1 && lines.allSatisfy { $0.contains(id.text) && $0.contains("test-resolver") },
                "\(lines)")
        }
    }

    @Test(arguments: Engine.available)
    func `a failing resolver keeps the units of its reservation held, and is called again`(engine: Engine)
        async throws
    {
        try await withQuotaFixture(engine) { quota in
            let resolver = ResolverFixture()
            resolver.register(for: quota)
            // The failing one is resolved first.
            let unknown = try await quota.reserve(try await quota.charge(units: 2), "test:unknown", terms: Self.terms)
            quota.app.clock.advance(by: .seconds(1))
            let known = try await quota.reserve(try await quota.charge(), "test:known", terms: Self.terms)
            resolver.set(.used(1), of: "test:known")
            quota.app.clock.advance(by: .hours(1))
            #expect(try await quota.entitlements.recovery.recover() == 1)
            #expect(resolver.calls == ["test:unknown", "test:known"])
            #expect(try await (quota.state(unknown), quota.state(known)) == ("held", "committed"))
            #expect(
                quota.app.log.lines.contains {
                    $0.contains("The resolver of an expired reservation failed") && $0.contains(unknown.text)
                })
            resolver.set(.unused, of: "test:unknown")
            #expect(try await quota.entitlements.recovery.recover() == 1)
            #expect(try await quota.level() == [1, 0, 4])
        }
    }

    @Test(arguments: Engine.available)
    func `a resolver reads in the transaction that settles`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            quota.entitlements.resolvers.register("test-resolver") { reservation, transaction in
                // It reads the current rows, also those that the recovery has changed.
                .used(try transaction.level(of: reservation.bucket).held - 1)
            }
            try await quota.reserve(try await quota.charge(units: 4), terms: Self.terms)
            quota.app.clock.advance(by: .hours(1))
            #expect(try await quota.entitlements.recovery.recover() == 1)
            #expect(try await quota.level() == [3, 0, 2])
        }
    }

    @Test(arguments: Engine.available)
    func `work that outlives its process ends with its lease only`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let resolver = ResolverFixture()
            resolver.register(for: quota)
            resolver.set(.inProgress(.hours(1)), of: "test:job")
            try await quota.entitlements.recovery.startNode(as: "here")
            let terms = Reservation.Terms(lifetime: .process, onExpiry: .resolve("test-resolver"), lease: .minutes(10))
            let id = try await quota.reserve(try await quota.charge(units: 2), "test:job", terms: terms)
            #expect(try await quota.entitlements.recovery.startNode(as: "here") == 0)
            #expect(try await quota.entitlements.recovery.startNode(as: "here") == 0)
            #expect(resolver.calls == ["test:job"])
            #expect(try await quota.level() == [0, 2, 3])
            quota.app.clock.advance(by: .minutes(59))
            #expect(try await quota.entitlements.recovery.recover() == 0)
            resolver.set(.unused, of: "test:job")
            quota.app.clock.advance(by: .minutes(2))
            #expect(try await quota.entitlements.recovery.recover() == 1)
            #expect(try await quota.state(id) == "expired")
        }
    }

    @Test(arguments: Engine.available)
    func `resolving is atomic at every failing statement, and settles once when repeated`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: faults.wrap) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("free"))
            let resolver = ResolverFixture()
            resolver.register(for: quota)
            for operation in ["test:one", "test:two"] {
                resolver.set(.used(2), of: operation)
                try await quota.reserve(try await quota.charge(), operation, terms: Self.terms)
            }
            app.clock.advance(by: .minutes(11))
            let count = try await faults.failEachStatement { _ in
                try await quota.entitlements.recovery.recover()
            } check: { _ in
                try await quota.requireInvariants()
            }
            #expect(count >= 5)
            #expect(try await quota.level() == [4, 0, 1])
        }
    }

    @Test(arguments: Engine.available)
    func `concurrent recoveries settle each reservation once`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.poolSize = 8 }) { app in
            let quota = QuotaFixture(app: app, person: try await app.subscriber("enterprise"))
            let resolver = ResolverFixture()
            resolver.register(for: quota)
            for number in 0..<20 {
                resolver.set(.used(3), of: "test:\(number)")
                try await quota.reserve(try await quota.charge(), "test:\(number)", terms: Self.terms)
            }
            app.clock.advance(by: .minutes(11))
            let settled = await withTaskGroup(of: Int?.self) { group in
                for _ in 0..<4 { group.addTask { try? await quota.entitlements.recovery.recover() } }
                return await group.reduce(into: 0) { $0 += $1 ?? 0 }
            }
            #expect(settled == 20)
            #expect(try await quota.level() == [60, 0, 939])
            try await quota.requireInvariants()
        }
    }
}
