import App
import Base
import Foundation
import Modules
import Synchronization
import TestKit
import Testing

@testable import Identity

/// Six promises about one session, in whatever order things happen to it: at most one live successor; no token accepted after
/// revocation; a thief in step with the owner caught within one window; nobody signed out while answers are lost within the window;
/// counters that never move back; an audit row for every revocation.
///
/// `scripts/prove sessions` plays a million schedules.
@Suite struct SessionScheduleTests {
    private static let schedules = Int(ProcessInfo.processInfo.environment["GATEHOUSE_SCHEDULES"] ?? "") ?? 20_000
    private static let seed = UInt64(ProcessInfo.processInfo.environment["GATEHOUSE_SEED"] ?? "") ?? 1
    private static let length = 16
    private static let depth = Int(ProcessInfo.processInfo.environment["GATEHOUSE_SCHEDULE_DEPTH"] ?? "") ?? 5

    @Test func `every order of a few events keeps all six promises`() {
        let start = Instant(seconds: 1_769_860_800)
        var played = 0
        func explore(_ model: ModelSession, _ story: SessionStory<Int64>, _ path: [SessionEvent]) {
            for event in SessionEvent.allCases {
                var (model, story) = (model, story)
                played += 1
                if let promise = model.play(event, in: &story) {
                    Issue.record("\(promise): \((path + [event]).map(\.rawValue))")
                } else if path.count + 1 < Self.depth {
                    explore(model, story, path + [event])
                }
            }
        }
        explore(ModelSession(at: start), SessionStory(first: 0, at: start), [])
        let events = SessionEvent.allCases.count
        #expect(
            played
                == (1...Self.depth).reduce(0) { sum, depth in sum + (0..<depth).reduce(1) { power, _ in power * events }
                })
    }

    @Test func `random schedules keep all six promises`() {
        var generator = SplitMix(seed: Self.seed)
        for number in 1...Self.schedules {
            let schedule = generator.schedule(of: Self.length)
            guard let promise = ModelSession.broken(by: schedule) else { continue }
            let shrunk = ModelSession.shrunk(schedule).map(\.rawValue)
            Issue.record(
                "\(promise): schedule \(number) of seed \(Self.seed) breaks it; what is needed of it is \(shrunk)")
            return
        }
    }

    @Test(arguments: ModelSession.Fault.allCases)
    func `a session that is wrong in one way is found out`(_ fault: ModelSession.Fault) throws {
        var generator = SplitMix(seed: 2)
        let found = (1...2_000).lazy.map { _ in generator.schedule(of: Self.length) }.first {
            ModelSession.broken(by: $0, fault: fault) != nil
        }
        let shrunk = ModelSession.shrunk(try #require(found), fault: fault)
        #expect(ModelSession.broken(by: shrunk, fault: fault) != nil)
        #expect(ModelSession.broken(by: shrunk) == nil, "only the fault breaks it: \(shrunk.map(\.rawValue))")
    }

    @Test(arguments: Engine.available)
    func `the service on a database keeps them too`(_ engine: Engine) async throws {
        let dying = Mutex<DyingDatabase?>(nil)
        let wrapper: @Sendable (any Database) -> any Database = { database in
            let wrapped = DyingDatabase(database)
            dying.withLock { $0 = wrapped }
            return wrapped
        }
        try await withTestApp(engine, databaseWrapper: wrapper) { app in
            let database = try #require(dying.withLock { $0 })
            var generator = SplitMix(seed: Self.seed)
            for _ in 0..<max(25, Self.schedules / 10_000) {
                let schedule = generator.schedule(of: Self.length)
                if let promise = try await SessionOnDatabase.broken(by: schedule, app, database) {
                    Issue.record("\(promise): \(schedule.map(\.rawValue)) of seed \(Self.seed)")
                    return
                }
            }
        }
    }
}

/// One session of the real service, entered by the front door.
private struct SessionOnDatabase {
    let app: TestApp
    let database: DyingDatabase
    let person: TestPerson
    let session: ID<Session>
    var access: String

    /// - Returns: the promise that was broken.
    static func broken(by schedule: [SessionEvent], _ app: TestApp, _ database: DyingDatabase) async throws -> String? {
        let person = try await app.register()
        guard let session = RefreshToken(person.refreshToken)?.session else { return "a refresh token can be read" }
        var world = SessionOnDatabase(
            app: app, database: database, person: person, session: session, access: person.token)
        var story = SessionStory<String>(first: person.refreshToken, at: app.clock.now)
        for event in schedule {
            let request = story.request(for: event)
            app.clock.advance(by: event.wait)
            let before = try await world.view()
            let answer = try await world.perform(request)
            let after = try await world.view()
            if let promise = story.judge(event, request, answer: answer, from: before, to: after) { return promise }
            if after.isRevoked, await app.call("GET", "/v1/auth/profile", token: world.access).status != 401 {
                return "no access token is accepted after revocation"
            }
        }
        return nil
    }

    private mutating func perform(_ request: SessionStory<String>.Request) async throws -> String? {
        switch request {
        case .present(let token, _):
            let response = await app.refresh(token)
            if let renewed = response["access_token"]?.string { access = renewed }
            return response["refresh_token"]?.string
        case .crash(let token):
            database.dies(true)
            _ = await app.refresh(token)
            database.dies(false)
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
                "SELECT COUNT(*) AS count FROM audit_events WHERE subject = \(session) AND action IN ('session.revoked', 'session.ended')"
            )
            return SessionView(
                counter: try row?.read("counter") ?? -1,
                isRevoked: try row?.read("revoked_at", as: Instant?.self) != nil, endingsAudited: Int(audited))
        }
    }
}

/// A database whose process can be made to die before each commit.
private final class DyingDatabase: Database {
    private let database: any Database
    private let isDying = Mutex(false)

    init(_ database: any Database) { self.database = database }

    func dies(_ dies: Bool) { isDying.withLock { $0 = dies } }

    var dialect: SQL.Dialect { database.dialect }
    var gauges: [String: Double] { database.gauges }

    func read<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    { try await database.read(body) }

    func write<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        let dies = isDying.withLock { $0 }
        return try await database.write { transaction in
            let result = try body(transaction)
            if dies { throw Problem(.overloaded) }
            return result
        }
    }

    func migrate<Result: Sendable>(_ body: @escaping @Sendable (Transaction) throws -> Result) async throws(Problem)
        -> Result
    {
        try await database.migrate(body)
    }

    func close() async { await database.close() }
}
