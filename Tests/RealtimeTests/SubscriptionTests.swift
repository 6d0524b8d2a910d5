import App
import Base
import Identity
import Modules
import Realtime
import TestKit
import Testing

@Suite struct SubscriptionTests {
    @Test(arguments: Engine.available)
    func `readers that begin anywhere and at any time get each message once, in order`(engine: Engine) async throws {
        try await withRealtime(engine) { fixture in
            let count: Int64 = 400
            try await withThrowingTaskGroup(of: [Int64].self) { tasks in
                for writer in 0..<4 {
                    tasks.addTask {
                        for message in 0..<(count / 4) { try await fixture.append("\(writer)/\(message)") }
                        return []
                    }
                }
                for reader in 0..<6 {
                    tasks.addTask {
                        // Some are cut off again and again, and resume behind the last message that they have.
                        var (position, numbers): (Int64, [Int64]) = (0, [])
                        while position < count {
                            let subscription = try await fixture.subscribe(after: position)
                            repeat {
                                let deliveries = try await subscription.next(within: .seconds(20)) ?? []
                                numbers += deliveries.compactMap(\.sequence)
                                position = numbers.last ?? 0
                            } while position < count && reader % 2 == 0
                        }
                        return numbers
                    }
                }
                for try await numbers in tasks where !numbers.isEmpty { #expect(numbers == Array(1...count)) }
            }
            try await fixture.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `a slow reader gets a notice, and then every message from storage`(engine: Engine) async throws {
        try await withRealtime(engine) { fixture in
            try await fixture.append("first")
            let subscription = try await fixture.subscribe()
            // It waits for messages once, and is live from then on.
            #expect(try await subscription.next(within: .zero)?.isEmpty == true)
            try await fixture.append((0..<1_500).map { "\($0)" })
            let first = try #require(try await subscription.next(within: .seconds(20))?.first)
            #expect(first.value == ["topic": "notes.a", "type": "lag", "behind": 1_500, "next": 2])
            #expect(try await subscription.numbers(1_372) == Array(130...1_501))
            // It has caught up: what follows comes from memory.
            try await fixture.append("last")
            #expect(try await subscription.next(within: .seconds(20))?.map(\.summary) == ["last"])
        }
    }

    @Test(arguments: Engine.available)
    func `messages of another process arrive in order, also those that come between`(engine: Engine) async throws {
        try await withRealtime(engine) { fixture in
            try await withSecondNode(of: fixture) { other in
                let subscription = try await other.subscribe(after: 0)
                for round in 0..<20 {
                    try await fixture.append("here \(round)")
                    try await other.append("there \(round)")
                }
                #expect(try await subscription.numbers(40) == Array(1...40))
                #expect(try await fixture.subscribe(after: 0).numbers(40) == Array(1...40))
            }
            try await fixture.requireInvariants()
        }
    }

    /// By the comparison of numbers, and by the report of the listener that connects again.
    @Test(.enabled(if: Engine.available.contains(.postgres)), .timeLimit(.minutes(2)))
    func `a lost connection for signals loses no message`() async throws {
        try await withRealtime(.postgres) { fixture in
            try await withSecondNode(of: fixture) { other in
                let subscription = try await other.subscribe(after: 0)
                for round in 0..<5 {
                    try await fixture.append("\(round) before", "\(round) with")
                    try await fixture.test.app.database.write { transaction in
                        try transaction.execute(
                            """
                            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                            WHERE application_name = 'gatehouse-listener' AND datname = current_database()
                            """)
                    }
                    try await fixture.append("\(round) after")
                }
                #expect(try await subscription.numbers(15) == Array(1...15))
            }
            try await fixture.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `access that ends ends the subscription`(engine: Engine) async throws {
        try await withRealtime(engine) { fixture in
            let test = fixture.test
            /// The end of a subscription with a credential of the person, after `change`.
            func end(
                _ headers: [String: String], _ change: () async throws -> Void
            ) async throws -> String? {
                let stream = try await fixture.stream("notes.a", accept: "application/x-ndjson", headers: headers)
                try await fixture.append("before")
                #expect(try await stream.chunk()?.contains("before") == true)
                try await fixture.realtime.refresher.refresh()
                try await fixture.append("still")
                #expect(try await stream.chunk()?.contains("still") == true)
                try await change()
                try await fixture.realtime.refresher.refresh()
                return try await stream.chunk()
            }
            func login() async throws -> String {
                let response = await test.call(
                    "POST", "/v1/auth/login",
                    json: ["email": .string(fixture.person.email), "password": .string(fixture.person.password)])
                return try #require(response["access_token"]?.string)
            }

            let token = try await login()
            let afterLogout = try await end(["Authorization": "Bearer \(token)"]) {
                #expect(await test.call("POST", "/v1/auth/logout", token: token).status < 300)
            }
            #expect(afterLogout == nil)

            let key = await test.call(
                "POST", "/v1/auth/api-keys",
                json: ["name": "k", "scopes": ["realtime.read"], "password": .string(fixture.person.password)],
                token: fixture.person.token)
            let (id, text) = (try #require(key["id"]?.string), try #require(key["api_key"]?.string))
            let afterRevocation = try await end(["Authorization": "Bearer \(text)"]) {
                let revoked = await test.call("DELETE", "/v1/auth/api-keys/\(id)", token: fixture.person.token)
                #expect(revoked.status < 300)
            }
            #expect(afterRevocation == nil)

            let other = try await login()
            let afterSuspension = try await end(["Authorization": "Bearer \(other)"]) {
                try await test.app.identity.accounts.suspend(fixture.person.id)
            }
            #expect(afterSuspension == nil)
        }
    }

    @Test(arguments: Engine.available)
    func `one caller, and one topic without callers, has at most 64 subscriptions`(engine: Engine) async throws {
        try await withRealtime(engine) { fixture in
            var streams: [TestStream] = []
            for _ in 0..<64 { streams.append(try await fixture.stream("notes.a", accept: "application/x-ndjson")) }
            let refused = await fixture.get("notes.b")
            #expect(refused.status == 429 && refused.code == "too-many-subscriptions", "\(refused)")
            let other = try await fixture.test.register("other")
            #expect(await fixture.get("notes.a", token: other.token).status == 200, "another caller")

            var subscriptions: [Subscription] = []
            for _ in 0..<64 { subscriptions.append(try await fixture.subscribe()) }
            do {
                _ = try await fixture.subscribe()
                Issue.record("the topic has a subscription more than it may have")
            } catch let error as Problem {
                #expect(error.kind.code == "too-many-subscriptions")
            }
            subscriptions.removeLast()
            subscriptions.append(try await fixture.subscribe())
            withExtendedLifetime((streams, subscriptions)) {}
        }
    }

    @Test(arguments: Engine.available)
    func `a request that waits when its access ends is 401`(engine: Engine) async throws {
        try await withRealtime(engine) { fixture in
            let (realtime, person) = (fixture.realtime, fixture.person)
            let statuses = await withTaskGroup(of: Int?.self) { group in
                for _ in 0..<8 { group.addTask { await fixture.get("notes.a?wait=30").status } }
                _ = await fixture.get("notes.a")
                _ = await fixture.test.call("POST", "/v1/auth/logout", token: person.token)
                group.addTask {
                    while !Task.isCancelled {
                        try? await realtime.refresher.refresh()
                        await Task.yield()
                    }
                    return nil
                }
                var statuses: [Int] = []
                while statuses.count < 8, let status = await group.next() { if let status { statuses.append(status) } }
                group.cancelAll()
                return statuses
            }
            #expect(statuses == Array(repeating: 401, count: 8))
        }
    }

    @Test(arguments: Engine.available)
    func `a member who leaves the organisation reads no more of its topics`(engine: Engine) async throws {
        try await withRealtime(engine) { fixture in
            let (test, owner) = (fixture.test, fixture.person)
            let member = try await test.register("member")
            let created = await test.call(
                "POST", "/v1/organisations", json: ["name": "Weather"], token: owner.token)
            let organisation = try #require(created["id"]?.string, "\(created)")
            try await test.app.database.write { transaction in
                try transaction.execute(
                    """
                    INSERT INTO memberships (organisation_id, person_id, role, created_at)
                    VALUES (\(organisation), \(member.id), 'member', \(transaction.now))
                    """
                )
            }
            let stream = try await fixture.stream(
                "notes.a", accept: "application/x-ndjson",
                headers: ["Authorization": "Bearer \(member.token)", "X-Organisation": organisation])
            try await fixture.realtime.refresher.refresh()
            let removed = await test.call(
                "DELETE", "/v1/organisations/\(organisation)/members/\(member.id)", token: owner.token)
            #expect(removed.status < 300, "\(removed)")
            try await fixture.realtime.refresher.refresh()
            #expect(try await stream.chunk() == nil)
        }
    }

    @Test(arguments: Engine.available)
    func `all subscriptions of a session end with it, and those of another session of the person last`(
        engine: Engine
    ) async throws {
        try await withRealtime(engine) { fixture in
            let test = fixture.test
            func login() async throws -> String {
                let response = await test.call(
                    "POST", "/v1/auth/login",
                    json: ["email": .string(fixture.person.email), "password": .string(fixture.person.password)])
                return try #require(response["access_token"]?.string)
            }
            func stream(_ topic: String, _ token: String) async throws -> TestStream {
                try await fixture.stream(
                    topic, accept: "application/x-ndjson", headers: ["Authorization": "Bearer \(token)"])
            }
            let (ending, lasting) = (try await login(), try await login())
            let streams = [try await stream("notes.a", ending), try await stream("notes.b", ending)]
            let other = try await stream("notes.a", lasting)
            try await fixture.realtime.refresher.refresh()
            let logout = await test.call("POST", "/v1/auth/logout", token: ending)
            #expect(logout.status < 300)
            try await fixture.realtime.refresher.refresh()
            for stream in streams {
                let end = try await stream.chunk()
                #expect(end == nil)
            }
            try await fixture.append("after")
            let message = try await other.chunk()
            #expect(message?.contains("after") == true)
        }
    }

    @Test func `a subscription ends when the server stops, and none begins`() async throws {
        try await withRealtime(.sqlite) { fixture in
            let subscription = try await fixture.subscribe()
            fixture.realtime.drain.stop()
            #expect(try await subscription.next() == nil)
            #expect(subscription.end == .stopping)
            #expect(await fixture.get("notes.a").status == 503)
        }
    }

    /// Runs `body` with a second node of the installation. Both exchange signals.
    private func withSecondNode(of fixture: RealtimeFixture, _ body: (RealtimeFixture) async throws -> Void)
        async throws
    {
        let clock = fixture.test.clock
        let runtime = Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)
        let second = try await buildApp(
            fixture.test.app.configuration,
            in: AppDependencies(
                runtime: runtime, clock: { clock.now }, logOutput: LogOutput(keepsLines: true)))
        RealtimeFixture.registerFamilies(second.realtime)
        let services = [fixture.realtime.refresher, second.realtime.refresher].map { refresher in
            Task { try await refresher.run() }
        }
        let other = RealtimeFixture(
            test: TestApp(app: second, clock: clock, engine: fixture.test.engine, log: fixture.test.log),
            person: fixture.person)
        let result: Result<Void, any Error>
        do { result = .success(try await body(other)) } catch { result = .failure(error) }
        for service in services {
            service.cancel()
            _ = await service.result
        }
        await second.close()
        try result.get()
    }
}
