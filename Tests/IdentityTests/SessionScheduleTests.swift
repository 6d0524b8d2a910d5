import App
import Base
import Foundation
import Modules
import TestKit
import Testing

@testable import Identity

/// Six invariants of a session for any order of events: at most one live successor; no token is accepted after a
/// revocation; a copied token is detected within one window after its use; a lost response within the window does not
/// end the session; counters never move back; every revocation has an audit row.
///
/// `scripts/prove sessions` runs a million schedules.
@Suite struct SessionScheduleTests {
    private static let schedules =
        Int(ProcessInfo.processInfo.environment["GATEHOUSE_SCHEDULES"] ?? "") ?? TestScale.rounds(20_000)
    private static let seed = UInt64(ProcessInfo.processInfo.environment["GATEHOUSE_SEED"] ?? "") ?? 1
    private static let length = 16
    private static let depth = Int(ProcessInfo.processInfo.environment["GATEHOUSE_SCHEDULE_DEPTH"] ?? "") ?? 5

    @Test func `every sequence of a few events satisfies the invariants`() {
        let start = Instant(seconds: 1_769_860_800)
        var count = 0
        func explore(_ session: InMemorySession, _ reference: ReferenceSession<Int64>, _ path: [SessionEvent]) {
            for event in SessionEvent.allCases {
                var (session, reference) = (session, reference)
                count += 1
                if let violation = session.apply(event, to: &reference) {
                    Issue.record("\(violation): \((path + [event]).map(\.rawValue))")
                } else if path.count + 1 < Self.depth {
                    explore(session, reference, path + [event])
                }
            }
        }
        explore(InMemorySession(at: start), ReferenceSession(first: 0, at: start), [])
        let events = SessionEvent.allCases.count
        #expect(
            count
                == (1...Self.depth).reduce(0) { sum, depth in sum + (0..<depth).reduce(1) { power, _ in power * events }
                })
    }

    @Test func `random schedules satisfy the invariants`() {
        var generator = SplitMix(seed: Self.seed)
        for number in 1...Self.schedules {
            let schedule = generator.schedule(of: Self.length)
            guard let violation = InMemorySession.violation(by: schedule) else { continue }
            let shrunk = InMemorySession.shrunk(schedule).map(\.rawValue)
            Issue.record(
                "\(violation): schedule \(number) of seed \(Self.seed) violates it; minimal schedule: \(shrunk)")
            return
        }
    }

    @Test(arguments: InMemorySession.Fault.allCases)
    func `each fault of a session is detected`(_ fault: InMemorySession.Fault) throws {
        var generator = SplitMix(seed: 2)
        let found = (1...2_000).lazy.map { _ in generator.schedule(of: Self.length) }.first {
            InMemorySession.violation(by: $0, fault: fault) != nil
        }
        let shrunk = InMemorySession.shrunk(try #require(found), fault: fault)
        #expect(InMemorySession.violation(by: shrunk, fault: fault) != nil)
        #expect(InMemorySession.violation(by: shrunk) == nil, "the schedule needs the fault: \(shrunk.map(\.rawValue))")
    }

    @Test(arguments: Engine.available)
    func `the service on a database satisfies the invariants`(_ engine: Engine) async throws {
        // While it is set, every write is rolled back at its end, as by a process that ends before the commit.
        let aborts = Flag()
        let wrapper: @Sendable (any Database) -> any Database = { database in
            InterceptedDatabase(database, beforeCommits: { _ in if aborts.isSet { throw Problem(.overloaded) } })
        }
        try await withTestApp(engine, databaseWrapper: wrapper) { app in
            var generator = SplitMix(seed: Self.seed)
            for _ in 0..<max(TestScale.rounds(25), Self.schedules / 10_000) {
                let schedule = generator.schedule(of: Self.length)
                if let violation = try await StoredSession.violation(by: schedule, app, aborts) {
                    Issue.record("\(violation): \(schedule.map(\.rawValue)) of seed \(Self.seed)")
                    return
                }
            }
        }
    }
}

/// One session of the server, used over HTTP requests.
private struct StoredSession {
    let app: TestApp
    let aborts: Flag
    let person: TestPerson
    let session: ID<Session>
    var access: String

    /// - Returns: the first invariant that a schedule violates.
    static func violation(by schedule: [SessionEvent], _ app: TestApp, _ aborts: Flag) async throws
        -> String?
    {
        let person = try await app.register()
        guard let session = RefreshToken(person.refreshToken)?.session else { return "a refresh token can be parsed" }
        var stored = StoredSession(
            app: app, aborts: aborts, person: person, session: session, access: person.token)
        var reference = ReferenceSession<String>(first: person.refreshToken, at: app.clock.now)
        for event in schedule {
            let action = reference.action(for: event)
            app.clock.advance(by: event.wait)
            let before = try await stored.view()
            let successor = try await stored.perform(action)
            let after = try await stored.view()
            if let violation = reference.check(event, action, successor: successor, from: before, to: after) {
                return violation
            }
            if after.isRevoked, await app.call("GET", "/v1/auth/profile", token: stored.access).status != 401 {
                return "no access token is accepted after revocation"
            }
        }
        return nil
    }

    private mutating func perform(_ action: ReferenceSession<String>.Action) async throws -> String? {
        switch action {
        case .present(let token, _):
            let response = await app.refresh(token)
            if let renewed = response["access_token"]?.string { access = renewed }
            return response["refresh_token"]?.string
        case .crash(let token):
            aborts.isSet = true
            _ = await app.refresh(token)
            aborts.isSet = false
        case .logout: _ = await app.call("POST", "/v1/auth/logout", token: access)
        case .passwordChange:
            let other = await app.signIn(person)
            let response = await app.call("DELETE", "/v1/auth/sessions", token: other["access_token"]?.string)
            guard response.status == 200 else { throw UnexpectedResponse(response) }
        case .nothing: break
        }
        return nil
    }

    private func view() async throws -> SessionView {
        let session = session
        return try await app.app.database.read { transaction in
            let row = try transaction.first("SELECT counter, revoked_at FROM sessions WHERE id = \(session)")
            let audited = try transaction.count(
                """
                SELECT COUNT(*) AS count FROM audit_events
                WHERE subject = \(session) AND action IN ('session.revoked', 'session.ended')
                """
            )
            return SessionView(
                counter: try row?.read("counter") ?? -1,
                isRevoked: try row?.read("revoked_at", as: Instant?.self) != nil, endingsAudited: Int(audited))
        }
    }
}
