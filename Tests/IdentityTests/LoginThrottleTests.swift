import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

@Suite struct LoginThrottleTests {
    private static let elsewhere = "198.51.100.1"

    @Test(arguments: Engine.available)
    func `five failures are free; then even the right password waits, and is told as a wrong one`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            for _ in 0..<5 { #expect(await app.guess(person, from: Self.elsewhere).code == "invalid-credentials") }
            #expect(await app.guess(person, person.password, from: Self.elsewhere).status == 200)

            // The right one made that network a known one, and forgave what was wrong before.
            for _ in 0..<6 { #expect(await app.guess(person, from: Self.elsewhere).status == 401) }
            let wrong = await app.guess(person, from: Self.elsewhere)
            let locked = await app.guess(person, person.password, from: Self.elsewhere)
            let unknown = await app.guess("nobody@example.org", person.password, from: Self.elsewhere)
            for response in [locked, unknown] {
                #expect(response.status == 401)
                #expect(response.bytes == wrong.bytes)
                #expect(response.headers == wrong.headers)
            }
            app.clock.advance(by: LoginThrottleRule.delayMin - .microseconds(1))
            #expect(await app.guess(person, person.password, from: Self.elsewhere).status == 401)
            app.clock.advance(by: .microseconds(1))
            #expect(await app.guess(person, person.password, from: Self.elsewhere).status == 200)

            let rows = try await app.audited("session.created").filter {
                $0.outcome != "success" && $0.subject == person.id.text
            }
            #expect(rows.count { $0.outcome == "failure" } == 12)
            #expect(
                rows.filter { $0.outcome == "refused" }.map(\.details)
                    == Array(repeating: #"{"reason":"too many failures"}"#, count: 2))
        }
    }

    @Test(arguments: Engine.available)
    func `whoever hammers an account from elsewhere does not lock its owner out`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let first = await app.signIn(person)
            let cookie = try #require(first.headers["set-cookie"]?.prefix { $0 != ";" })
            for network in 0..<10 {
                for _ in 0..<6 { _ = await app.guess(person, from: "203.0.113.\(network)") }
            }
            // Where they registered.
            #expect(await app.signIn(person).status == 200)
            // On the way, with the browser that they signed in with.
            let travelling = await app.guess(
                person, person.password, from: "192.0.2.200", headers: ["Cookie": "a=b; \(cookie)"])
            #expect(travelling.status == 200)
            #expect(travelling.headers["set-cookie"] == nil)
            // Somebody new, though with the right password, cannot be told from those who hammer.
            #expect(await app.guess(person, person.password, from: "192.0.2.201").status == 401)
            // A token of another account, or of nobody's making, makes nobody known.
            let other = try await app.register()
            let foreign = try #require((await app.signIn(other)).headers["set-cookie"]?.prefix { $0 != ";" })
            for value in [String(foreign), "\(ClientInfo.deviceCookie)=AAAA", "\(cookie)A"] {
                #expect(
                    await app.guess(person, person.password, from: "192.0.2.201", headers: ["Cookie": value]).status
                        == 401)
            }
            app.clock.advance(by: LoginThrottleRule.delayMax)
            #expect(await app.guess(person, person.password, from: "192.0.2.201").status == 200)
        }
    }

    @Test func `a stolen token of a browser has its own count, and no other place pays for it`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            let cookie = try #require((await app.signIn(person)).headers["set-cookie"])
            #expect(
                cookie.contains("__Host-") && cookie.contains("; Secure") && cookie.contains("; HttpOnly")
                    && cookie.contains("; SameSite=Lax"))
            let headers = ["Cookie": String(cookie.prefix { $0 != ";" })]
            for _ in 0..<6 { _ = await app.guess(person, from: Self.elsewhere, headers: headers) }
            #expect(await app.guess(person, person.password, from: Self.elsewhere, headers: headers).status == 401)
            #expect(await app.signIn(person).status == 200)
            let token = try #require(cookie.prefix { $0 != ";" }.split(separator: "=").last)
            #expect(token.count == 43)
            #expect(
                try await app.count("SELECT COUNT(*) AS count FROM known_devices WHERE mark LIKE \("%\(token)%")") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `counts are shared by nodes and outlive a restart`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            for _ in 0..<3 { _ = await app.guess(person, from: Self.elsewhere) }
            try await app.withSecondProcess { second in
                for _ in 0..<3 { _ = await second.guess(person, from: Self.elsewhere) }
                #expect(await second.guess(person, person.password, from: Self.elsewhere).status == 401)
            }
            #expect(await app.guess(person, person.password, from: Self.elsewhere).status == 401)
            #expect(await app.guess(person, person.password, from: "198.51.100.2").status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `many guesses at once are no more than one after another`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            await withTaskGroup(of: Void.self) { tasks in
                for _ in 0..<24 { tasks.addTask { _ = await app.guess(person, from: Self.elsewhere) } }
            }
            let counts = try await app.app.database.read {
                try $0.all("SELECT failures FROM sign_in_failures") { try $0["failures"] as Int64 }
            }
            #expect(counts == [6, 6, 6])
            #expect(await app.guess(person, person.password, from: Self.elsewhere).status == 401)
        }
    }

    @Test(arguments: Engine.available)
    func `many who sign in rightly at once are all let in`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let statuses = await withTaskGroup(of: Int.self) { tasks in
                for index in 0..<16 {
                    tasks.addTask { await app.guess(person, person.password, from: "203.0.113.\(index % 4)").status }
                }
                return await tasks.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses == Array(repeating: 200, count: 16))
            #expect(try await app.count("SELECT COUNT(*) AS count FROM sign_in_failures") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `counters out of memory go batch by batch, and no others`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            try await app.app.database.write { transaction in
                let old = transaction.now - FailureCount.retention - .hours(1)
                for index in 0..<25 {
                    let (key, failedAt) = ("key \(100 + index)", index.isMultiple(of: 2) ? old : transaction.now)
                    let refusedUntil = index % 5 == 0 ? transaction.now + .hours(1) : failedAt
                    try transaction.execute(
                        """
                        INSERT INTO sign_in_failures (bucket, failures, failed_at, refused_until)
                        VALUES (\(key), 1, \(failedAt), \(refusedUntil))
                        """)
                }
            }
            var (last, steps): (String?, Int) = ("", 0)
            while let place = last {
                steps += 1
                last = try await app.app.database.write { transaction in
                    try transaction.deleteFailures(
                        before: transaction.now - FailureCount.retention, after: place, among: 10)
                }
            }
            #expect(steps == 3)
            let left = try await app.app.database.read {
                try $0.all("SELECT bucket FROM sign_in_failures ORDER BY bucket") { try $0["bucket"] as String }
            }
            #expect(left == (0..<25).filter { !$0.isMultiple(of: 2) || $0 % 5 == 0 }.map { "key \(100 + $0)" })
        }
    }

    @Test(arguments: Engine.available)
    func `a name that nobody has stands in the trail as a code, the same for the same name`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let names = ["nobody@example.org", "NOBODY@example.org", "somebody-else@example.org"]
            for name in names {
                #expect(await app.guess(name, "correct horse battery", from: Self.elsewhere).status == 401)
            }
            let subjects = try await app.audited("session.created", "failure").compactMap(\.subject)
            #expect(subjects.count == 3 && subjects[0] == subjects[1] && subjects[1] != subjects[2], "\(subjects)")
            #expect(subjects.allSatisfy { $0.hasPrefix("name-") && !$0.contains("body") })
        }
    }

    @Test func `all addresses of one IPv6 network are one`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            for host in 1...6 { _ = await app.guess(person, from: "2001:db8:1:2::\(host)") }
            #expect(await app.guess(person, person.password, from: "2001:db8:1:2:aaaa::7").status == 401)
            #expect(await app.guess(person, person.password, from: "2001:db8:1:3::1").status == 200)
        }
    }

    @Test func `one password for many accounts is stopped at its network, which known accounts do not feel`()
        async throws
    {
        try await withTestApp(.sqlite) { app in
            let (victim, colleague) = (try await app.register(), try await app.register())
            #expect(await app.guess(colleague, colleague.password, from: Self.elsewhere).status == 200)
            for name in 0..<101 {
                _ = await app.guess("name-\(name)@example.org", "correct horse battery", from: Self.elsewhere)
            }
            #expect(await app.guess(victim, victim.password, from: Self.elsewhere).status == 401)
            #expect(await app.guess(colleague, colleague.password, from: Self.elsewhere).status == 200)
            #expect(await app.signIn(victim).status == 200)
            // Names that nobody has are kept no longer than others, and nobody can read them.
            #expect(try await app.count("SELECT COUNT(*) AS count FROM sign_in_failures") == 2 * 101 + 1)
            try await app.runJobs()
            app.clock.advance(by: FailureCount.retention + .hours(2))
            try await app.runJobs()
            #expect(try await app.count("SELECT COUNT(*) AS count FROM sign_in_failures") == 0)
            #expect(try await app.count("SELECT COUNT(*) AS count FROM known_devices") > 0)
            app.clock.advance(by: KnownDevice.retention)
            try await app.runJobs()
            #expect(try await app.count("SELECT COUNT(*) AS count FROM known_devices") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `strict lockout closes the account for half an hour, and says so to those who know the password`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine, change: { $0.lockout = .strict }) { app in
            let person = try await app.register()
            for network in 0..<5 {
                #expect(await app.guess(person, from: "203.0.113.\(network)").code == "invalid-credentials")
            }
            app.clock.advance(by: .minutes(10))
            let wrong = await app.guess(person, from: "203.0.113.9")
            let unknown = await app.guess("nobody@example.org", "correct horse battery", from: "203.0.113.9")
            #expect(wrong.status == 401)
            #expect(wrong.bytes == unknown.bytes)
            let right = await app.signIn(person)
            #expect(right.status == 423)
            #expect(right.code == "account-locked")
            #expect(right["retry_after"] == 1_200)
            #expect(right.headers["retry-after"] == "1200")
            app.clock.advance(by: .minutes(20))
            #expect(await app.signIn(person).status == 200)
            for _ in 0..<4 { _ = await app.guess(person, from: Self.elsewhere) }
            #expect(await app.signIn(person).status == 200)
            for _ in 0..<4 { _ = await app.guess(person, from: Self.elsewhere) }
            #expect(await app.signIn(person).status == 200)
        }
    }

    @Test func `nobody has a new address for writing one into a header`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            for host in 1...6 {
                _ = await app.guess(person, from: Self.elsewhere, headers: ["X-Forwarded-For": "203.0.113.\(host)"])
            }
            #expect(
                await app.guess(
                    person, person.password, from: Self.elsewhere, headers: ["X-Forwarded-For": "203.0.113.9"]
                ).status == 401)
        }
        try await withTestApp(.sqlite, change: { $0.trustedProxies = ["10.0.0.0/8"] }) { app in
            let person = try await app.register()
            for host in 1...6 {
                _ = await app.guess(
                    person, from: "10.0.0.1", headers: ["X-Forwarded-For": "203.0.113.\(host), \(Self.elsewhere)"])
            }
            #expect(
                await app.guess(person, person.password, from: "10.0.0.1", headers: ["X-Forwarded-For": Self.elsewhere])
                    .status == 401)
            #expect(
                await app.guess(person, person.password, from: "10.0.0.1", headers: ["X-Forwarded-For": "203.0.113.1"])
                    .status == 200)
            let addresses = try await app.app.database.read {
                try $0.all("SELECT DISTINCT address FROM audit_events WHERE address IS NOT NULL") {
                    try $0["address"] as String
                }
            }
            #expect(Set(addresses) == ["192.0.2.1", Self.elsewhere, "203.0.113.1"])
        }
    }

    @Test func `no more places of a person are remembered than is said`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            try await app.app.database.write { transaction in
                for index in 0..<(2 * KnownDevice.countMax) {
                    try transaction.save(KnownDevice(network: "\(index)", of: person.id.text), of: person.id)
                }
            }
            #expect(try await app.count("SELECT COUNT(*) AS count FROM known_devices") == Int64(KnownDevice.countMax))
        }
    }

    @Test(arguments: Engine.available)
    func `a proof by other means forgives`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            for network in 0..<5 {
                for _ in 0..<6 { _ = await app.guess(person, from: "203.0.113.\(network)") }
            }
            #expect(await app.guess(person, person.password, from: "203.0.113.1").status == 401)
            let loginThrottle = LoginThrottle(lockout: .adaptive, sealer: try app.sealer)
            try await app.app.database.write { transaction in
                try loginThrottle.resetFailures(
                    of: person.id, client: ClientInfo(address: "203.0.113.1", requestID: "a-reset", userAgent: nil),
                    in: transaction)
            }
            #expect(await app.guess(person, person.password, from: "203.0.113.1").status == 200)
        }
    }
}

extension TestApp {
    /// - Parameter password: a wrong one unless given.
    func guess(
        _ person: TestPerson, _ password: String = "not the password", from address: String,
        headers: [String: String] = [:]
    ) async -> TestResponse {
        await guess(person.email, password, from: address, headers: headers)
    }

    func guess(_ email: String, _ password: String, from address: String, headers: [String: String] = [:]) async
        -> TestResponse
    {
        let headers = headers.merging(["X-Request-ID": "the-same-request"]) { first, _ in first }
        return await call(
            "POST", "/v1/auth/login", json: ["email": .string(email), "password": .string(password)], headers: headers,
            address: address)
    }
}
