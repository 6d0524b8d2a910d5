import App
import Base
import Identity
import Modules
import Synchronization
import TestKit
import Testing

@testable import Entitlements

/// Reservations of which somebody is asked when they are lost.
@Suite struct ReservationResolverTests {
    private static let terms = Reservation.Terms(onExpiry: .resolve("letters"), lease: .minutes(10))

    /// What was asked after, and what is said of it.
    private final class EmailFixture: Sendable {
        private let state = Mutex<(asked: [String], fates: [String: Reservation.Resolution])>(([], [:]))

        var asked: [String] { state.withLock { $0.asked } }
        func say(_ fate: Reservation.Resolution?, of operation: String) {
            state.withLock { $0.fates[operation] = fate }
        }

        /// - Throws: of what it knows nothing.
        func fate(of reservation: Reservation) throws -> Reservation.Resolution {
            try state.withLock { state in
                state.asked.append(reservation.operation)
                guard let fate = state.fates[reservation.operation] else {
                    throw Problem(.conflict, detail: "It is not known yet.")
                }
                return fate
            }
        }

        func answer(for till: QuotaFixture) {
            till.entitlements.resolvers.register("letters") { reservation, _ in
                try self.fate(of: reservation)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a lost reservation ends as its witness says`(engine: Engine) async throws {
        try await withTill(engine, plan: "enterprise") { till in
            let letters = EmailFixture()
            letters.answer(for: till)
            let (less, more) = (
                try await till.reserve(try await till.charge(units: 10), "test:less", terms: Self.terms),
                try await till.reserve(try await till.charge(units: 10), "test:more", terms: Self.terms)
            )
            let (none, on) = (
                try await till.reserve(try await till.charge(units: 100), "test:none", terms: Self.terms),
                try await till.reserve(try await till.charge(units: 200), "test:on", terms: Self.terms)
            )
            letters.say(.used(4), of: "test:less")
            letters.say(.used(15), of: "test:more")
            letters.say(.unused, of: "test:none")
            letters.say(.inProgress(.minutes(30)), of: "test:on")
            #expect(try await till.entitlements.recovery.recover() == 0)
            #expect(letters.asked.isEmpty)
            till.app.clock.advance(by: .minutes(10) + .seconds(1))
            #expect(try await till.entitlements.recovery.recover() == 3)
            #expect(letters.asked.sorted() == ["test:less", "test:more", "test:none", "test:on"])
            #expect(
                try await (till.state(less), till.state(more), till.state(none), till.state(on)) == (
                    "committed", "committed", "expired", "held"
                ))
            #expect(try await till.level() == [19, 200, 780])
            // Nobody is asked twice about what has ended, and about what goes on not before its new lease ends.
            till.app.clock.advance(by: .minutes(29))
            #expect(try await till.entitlements.recovery.recover() == 0)
            #expect(letters.asked.count == 4)
            // In the same hands meanwhile.
            #expect(try await till.extend(on, fence: 1))
            #expect(try await till.commit(on, units: 150, fence: 1)?.actual == 150)
            #expect(try await till.level() == [169, 0, 830])
        }
    }

    @Test(arguments: Engine.available)
    func `what a witness knows of a use beyond the limit is counted and marked`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let letters = EmailFixture()
            letters.answer(for: till)
            try await till.reserve(try await till.charge(units: 3), "test:letter", terms: Self.terms)
            letters.say(.used(9), of: "test:letter")
            till.app.clock.advance(by: .hours(1))
            #expect(try await till.entitlements.recovery.recover() == 1)
            #expect(try await till.level() == [9, 0, 0])
            let entry = try await till.database.read {
                try $0.first("SELECT amount, beyond, is_overrun FROM usage_entries")?.values
            }
            #expect(entry == [.integer(9), .integer(4), .integer(1)])
        }
    }

    @Test(arguments: Engine.available)
    func `where nobody answers to the name the units are used, and the log says so`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let id = try await till.reserve(try await till.charge(units: 3), terms: Self.terms)
            till.app.clock.advance(by: .hours(1))
            #expect(try await till.entitlements.recovery.recover() == 1)
            #expect(try await till.state(id) == "committed")
            #expect(try await till.level() == [3, 0, 2])
            let lines = till.app.log.lines.filter { $0.contains("Nobody answers for a lost reservation") }
            #expect(lines.count == 1 && lines.allSatisfy { $0.contains(id.text) && $0.contains("letters") }, "\(lines)")
        }
    }

    @Test(arguments: Engine.available)
    func `a witness who fails keeps its own units held and nobody else's, and is asked again`(engine: Engine)
        async throws
    {
        try await withTill(engine) { till in
            let letters = EmailFixture()
            letters.answer(for: till)
            // The one that fails is asked about first.
            let unknown = try await till.reserve(try await till.charge(units: 2), "test:unknown", terms: Self.terms)
            till.app.clock.advance(by: .seconds(1))
            let known = try await till.reserve(try await till.charge(), "test:known", terms: Self.terms)
            letters.say(.used(1), of: "test:known")
            till.app.clock.advance(by: .hours(1))
            #expect(try await till.entitlements.recovery.recover() == 1)
            #expect(letters.asked == ["test:unknown", "test:known"])
            #expect(try await (till.state(unknown), till.state(known)) == ("held", "committed"))
            #expect(till.app.log.lines.contains { $0.contains("could not be asked") && $0.contains(unknown.text) })
            letters.say(.unused, of: "test:unknown")
            #expect(try await till.entitlements.recovery.recover() == 1)
            #expect(try await till.level() == [1, 0, 4])
        }
    }

    @Test(arguments: Engine.available)
    func `a witness reads what it needs, in the transaction that settles`(engine: Engine) async throws {
        try await withTill(engine) { till in
            till.entitlements.resolvers.register("letters") { reservation, transaction in
                // Everything is there to be read, as it is now: also what the sweep itself has found.
                .used(try transaction.level(of: reservation.bucket).held - 1)
            }
            try await till.reserve(try await till.charge(units: 4), terms: Self.terms)
            till.app.clock.advance(by: .hours(1))
            #expect(try await till.entitlements.recovery.recover() == 1)
            #expect(try await till.level() == [3, 0, 2])
        }
    }

    @Test(arguments: Engine.available)
    func `work that goes on without its process is ended by its lease alone`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let letters = EmailFixture()
            letters.answer(for: till)
            letters.say(.inProgress(.hours(1)), of: "test:letter")
            try await till.entitlements.recovery.startNode(as: "here")
            let terms = Reservation.Terms(lifetime: .process, onExpiry: .resolve("letters"), lease: .minutes(10))
            let id = try await till.reserve(try await till.charge(units: 2), "test:letter", terms: terms)
            #expect(try await till.entitlements.recovery.startNode(as: "here") == 0)
            #expect(try await till.entitlements.recovery.startNode(as: "here") == 0)
            #expect(letters.asked == ["test:letter"])
            #expect(try await till.level() == [0, 2, 3])
            till.app.clock.advance(by: .minutes(59))
            #expect(try await till.entitlements.recovery.recover() == 0)
            letters.say(.unused, of: "test:letter")
            till.app.clock.advance(by: .minutes(2))
            #expect(try await till.entitlements.recovery.recover() == 1)
            #expect(try await till.state(id) == "expired")
        }
    }

    @Test(arguments: Engine.available)
    func `asking breaks off anywhere, and each is settled once in the end`(engine: Engine) async throws {
        let trouble = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: trouble.wrap) { app in
            let till = QuotaFixture(app: app, person: try await app.subscriber("free"))
            let letters = EmailFixture()
            letters.answer(for: till)
            for operation in ["test:one", "test:two"] {
                letters.say(.used(2), of: operation)
                try await till.reserve(try await till.charge(), operation, terms: Self.terms)
            }
            app.clock.advance(by: .minutes(11))
            let count = try await trouble.failEachStatement { _ in
                try await till.entitlements.recovery.recover()
            } check: { _ in
                try await till.requireBalance()
            }
            #expect(count >= 5)
            #expect(try await till.level() == [4, 0, 1])
        }
    }

    @Test(arguments: Engine.available)
    func `two who sweep at once ask about each but settle it once`(engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.poolSize = 8 }) { app in
            let till = QuotaFixture(app: app, person: try await app.subscriber("enterprise"))
            let letters = EmailFixture()
            letters.answer(for: till)
            for number in 0..<20 {
                letters.say(.used(3), of: "test:\(number)")
                try await till.reserve(try await till.charge(), "test:\(number)", terms: Self.terms)
            }
            app.clock.advance(by: .minutes(11))
            let settled = await withTaskGroup(of: Int?.self) { group in
                for _ in 0..<4 { group.addTask { try? await till.entitlements.recovery.recover() } }
                return await group.reduce(into: 0) { $0 += $1 ?? 0 }
            }
            #expect(settled == 20)
            #expect(try await till.level() == [60, 0, 939])
            try await till.requireBalance()
        }
    }
}
