import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

@Suite struct LoginThrottleTests {
    private static let otherNetwork = "198.51.100.1"

    @Test(arguments: Engine.available)
    func `after five failures the correct password is delayed and gets the response of a wrong one`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            for _ in 0..<5 {
                #expect(await app.attemptLogin(person, from: Self.otherNetwork).code == "invalid-credentials")
            }
            #expect(await app.attemptLogin(person, person.password, from: Self.otherNetwork).status == 200)

            // The successful login made the network a known device and reset the failures.
            for _ in 0..<6 { #expect(await app.attemptLogin(person, from: Self.otherNetwork).status == 401) }
            let wrong = await app.attemptLogin(person, from: Self.otherNetwork)
            let locked = await app.attemptLogin(person, person.password, from: Self.otherNetwork)
            let unknown = await app.attemptLogin("unknown@example.org", person.password, from: Self.otherNetwork)
            for response in [locked, unknown] {
                #expect(response.status == 401)
                #expect(response.bytes == wrong.bytes)
                #expect(response.comparableHeaders == wrong.comparableHeaders)
            }
            app.clock.advance(by: LoginThrottleRule.delayMin - .microseconds(1))
            #expect(await app.attemptLogin(person, person.password, from: Self.otherNetwork).status == 401)
            app.clock.advance(by: .microseconds(1))
            #expect(await app.attemptLogin(person, person.password, from: Self.otherNetwork).status == 200)

            let rows = try await app.audited("session.created").filter {
                $0.outcome != "success" && $0.subject == person.id.text
            }
            #expect(rows.count { $0.outcome == "failure" } == 12)
            #expect(
                rows.filter { $0.outcome == "refused" }.map(\.details)
                    == Array(repeating: #"{"reason":"too many attempts"}"#, count: 2))
        }
    }

    @Test(arguments: Engine.available)
    func `many failures from other networks do not lock the account on known devices`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let first = await app.signIn(person)
            let cookie = try #require(first.headers["set-cookie"]?.prefix { $0 != ";" })
            for network in 0..<10 {
                for _ in 0..<6 { _ = await app.attemptLogin(person, from: "203.0.113.\(network)") }
            }
            // The network of the registration.
            #expect(await app.signIn(person).status == 200)
            // Another network, with the device cookie of an earlier login.
            let knownBrowser = await app.attemptLogin(
                person, person.password, from: "192.0.2.200", headers: ["Cookie": "a=b; \(cookie)"])
            #expect(knownBrowser.status == 200)
            #expect(knownBrowser.headers["set-cookie"] == nil)
            // An unknown device is delayed, also with the correct password.
            #expect(await app.attemptLogin(person, person.password, from: "192.0.2.201").status == 401)
            // The device cookie of another account or an invalid one does not make a device known.
            let other = try await app.register()
            let otherCookie = try #require((await app.signIn(other)).headers["set-cookie"]?.prefix { $0 != ";" })
            for value in [String(otherCookie), "\(ClientInfo.deviceCookie)=AAAA", "\(cookie)A"] {
                #expect(
                    await app.attemptLogin(person, person.password, from: "192.0.2.201", headers: ["Cookie": value])
                        .status
                        == 401)
            }
            app.clock.advance(by: LoginThrottleRule.delayMax)
            #expect(await app.attemptLogin(person, person.password, from: "192.0.2.201").status == 200)
        }
    }

    @Test func `a stolen device cookie has a counter of its own and delays no other device`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            let cookie = try #require((await app.signIn(person)).headers["set-cookie"])
            #expect(
                cookie.contains("__Host-") && cookie.contains("; Secure") && cookie.contains("; HttpOnly")
                    && cookie.contains("; SameSite=Lax"))
            let headers = ["Cookie": String(cookie.prefix { $0 != ";" })]
            for _ in 0..<6 { _ = await app.attemptLogin(person, from: Self.otherNetwork, headers: headers) }
            #expect(
                await app.attemptLogin(person, person.password, from: Self.otherNetwork, headers: headers).status == 401
            )
            #expect(await app.signIn(person).status == 200)
            let token = try #require(cookie.prefix { $0 != ";" }.split(separator: "=").last)
            #expect(token.count == 43)
            #expect(
                try await app.count("SELECT COUNT(*) AS count FROM known_devices WHERE mark LIKE \("%\(token)%")") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `counters are shared by nodes and kept across a restart`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            for _ in 0..<3 { _ = await app.attemptLogin(person, from: Self.otherNetwork) }
            try await app.withSecondProcess { second in
                for _ in 0..<3 { _ = await second.attemptLogin(person, from: Self.otherNetwork) }
                #expect(await second.attemptLogin(person, person.password, from: Self.otherNetwork).status == 401)
            }
            #expect(await app.attemptLogin(person, person.password, from: Self.otherNetwork).status == 401)
            #expect(await app.attemptLogin(person, person.password, from: "198.51.100.2").status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `concurrent attempts are counted like sequential ones`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            await withTaskGroup(of: Void.self) { tasks in
                for _ in 0..<24 { tasks.addTask { _ = await app.attemptLogin(person, from: Self.otherNetwork) } }
            }
            let counts = try await app.app.database.read {
                try $0.all("SELECT failures FROM sign_in_failures") { try $0["failures"] as Int64 }
            }
            #expect(counts == [6, 6, 6])
            #expect(await app.attemptLogin(person, person.password, from: Self.otherNetwork).status == 401)
        }
    }

    @Test(arguments: Engine.available)
    func `concurrent logins with the correct password all succeed`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let statuses = await withTaskGroup(of: Int.self) { tasks in
                for index in 0..<16 {
                    tasks.addTask {
                        await app.attemptLogin(person, person.password, from: "203.0.113.\(index % 4)").status
                    }
                }
                return await tasks.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses == Array(repeating: 200, count: 16))
            #expect(try await app.count("SELECT COUNT(*) AS count FROM sign_in_failures") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `expired counters are deleted in batches, and no others`(_ engine: Engine) async throws {
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
            while let position = last {
                steps += 1
                last = try await app.app.database.write { transaction in
                    try transaction.deleteFailures(
                        before: transaction.now - FailureCount.retention, after: position, among: 10)
                }
            }
            #expect(steps == 3)
            let remaining = try await app.app.database.read {
                try $0.all("SELECT bucket FROM sign_in_failures ORDER BY bucket") { try $0["bucket"] as String }
            }
            #expect(remaining == (0..<25).filter { !$0.isMultiple(of: 2) || $0 % 5 == 0 }.map { "key \(100 + $0)" })
        }
    }

    @Test(arguments: Engine.available)
    func `an unknown name is audited as a pseudonym, the same for the same name`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let names = ["unknown@example.org", "UNKNOWN@example.org", "unknown-2@example.org"]
            for name in names {
                #expect(await app.attemptLogin(name, "correct horse battery", from: Self.otherNetwork).status == 401)
            }
            let subjects = try await app.audited("session.created", "failure").compactMap(\.subject)
            #expect(subjects.count == 3 && subjects[0] == subjects[1] && subjects[1] != subjects[2], "\(subjects)")
            #expect(subjects.allSatisfy { $0.hasPrefix("name-") && !$0.contains("unknown") })
        }
    }

    @Test func `all addresses of one IPv6 /64 network share a counter`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            for host in 1...6 { _ = await app.attemptLogin(person, from: "2001:db8:1:2::\(host)") }
            #expect(await app.attemptLogin(person, person.password, from: "2001:db8:1:2:aaaa::7").status == 401)
            #expect(await app.attemptLogin(person, person.password, from: "2001:db8:1:3::1").status == 200)
        }
    }

    @Test func `password spraying is throttled by network, which does not affect known devices`()
        async throws
    {
        try await withTestApp(.sqlite) { app in
            let (unknownDevice, knownDevice) = (try await app.register(), try await app.register())
            #expect(await app.attemptLogin(knownDevice, knownDevice.password, from: Self.otherNetwork).status == 200)
            for name in 0..<101 {
                _ = await app.attemptLogin("name-\(name)@example.org", "correct horse battery", from: Self.otherNetwork)
            }
            #expect(
                await app.attemptLogin(unknownDevice, unknownDevice.password, from: Self.otherNetwork).status == 401)
            #expect(await app.attemptLogin(knownDevice, knownDevice.password, from: Self.otherNetwork).status == 200)
            #expect(await app.signIn(unknownDevice).status == 200)
            // Counters of unknown names are deleted like others; their names are stored as keyed hashes.
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
    func `strict lockout locks the account for 30 minutes and says so only for the correct password`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine, change: { $0.lockout = .strict }) { app in
            let person = try await app.register()
            for network in 0..<5 {
                #expect(await app.attemptLogin(person, from: "203.0.113.\(network)").code == "invalid-credentials")
            }
            app.clock.advance(by: .minutes(10))
            let wrong = await app.attemptLogin(person, from: "203.0.113.9")
            let unknown = await app.attemptLogin("unknown@example.org", "correct horse battery", from: "203.0.113.9")
            #expect(wrong.status == 401)
            #expect(wrong.bytes == unknown.bytes)
            let right = await app.signIn(person)
            #expect(right.status == 423)
            #expect(right.code == "account-locked")
            #expect(right["retry_after"] == 1_200)
            #expect(right.headers["retry-after"] == "1200")
            app.clock.advance(by: .minutes(20))
            #expect(await app.signIn(person).status == 200)
            for _ in 0..<4 { _ = await app.attemptLogin(person, from: Self.otherNetwork) }
            #expect(await app.signIn(person).status == 200)
            for _ in 0..<4 { _ = await app.attemptLogin(person, from: Self.otherNetwork) }
            #expect(await app.signIn(person).status == 200)
        }
    }

    @Test func `X-Forwarded-For is ignored unless a trusted proxy sends it`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            for host in 1...6 {
                _ = await app.attemptLogin(
                    person, from: Self.otherNetwork, headers: ["X-Forwarded-For": "203.0.113.\(host)"])
            }
            #expect(
                await app.attemptLogin(
                    person, person.password, from: Self.otherNetwork, headers: ["X-Forwarded-For": "203.0.113.9"]
                ).status == 401)
        }
        try await withTestApp(.sqlite, change: { $0.trustedProxies = ["10.0.0.0/8"] }) { app in
            let person = try await app.register()
            for host in 1...6 {
                _ = await app.attemptLogin(
                    person, from: "10.0.0.1", headers: ["X-Forwarded-For": "203.0.113.\(host), \(Self.otherNetwork)"])
            }
            #expect(
                await app.attemptLogin(
                    person, person.password, from: "10.0.0.1", headers: ["X-Forwarded-For": Self.otherNetwork]
                )
                .status == 401)
            #expect(
                await app.attemptLogin(
                    person, person.password, from: "10.0.0.1", headers: ["X-Forwarded-For": "203.0.113.1"]
                )
                .status == 200)
            let addresses = try await app.app.database.read {
                try $0.all("SELECT DISTINCT address FROM audit_events WHERE address IS NOT NULL") {
                    try $0["address"] as String
                }
            }
            #expect(Set(addresses) == ["192.0.2.1", Self.otherNetwork, "203.0.113.1"])
        }
    }

    @Test func `the number of known devices of an account is bounded`() async throws {
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
    func `a password reset resets the failures`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            for network in 0..<5 {
                for _ in 0..<6 { _ = await app.attemptLogin(person, from: "203.0.113.\(network)") }
            }
            #expect(await app.attemptLogin(person, person.password, from: "203.0.113.1").status == 401)
            let loginThrottle = LoginThrottle(lockout: .adaptive, sealer: try app.sealer)
            try await app.app.database.write { transaction in
                try loginThrottle.resetFailures(
                    of: person.id, client: ClientInfo(address: "203.0.113.1", requestID: "a-reset", userAgent: nil),
                    in: transaction)
            }
            #expect(await app.attemptLogin(person, person.password, from: "203.0.113.1").status == 200)
        }
    }
}

extension TestApp {
    /// Sends a login request.
    /// - Parameter password: a wrong one by default.
    func attemptLogin(
        _ person: TestPerson, _ password: String = "not the password", from address: String,
        headers: [String: String] = [:]
    ) async -> TestResponse {
        await attemptLogin(person.email, password, from: address, headers: headers)
    }

    func attemptLogin(_ email: String, _ password: String, from address: String, headers: [String: String] = [:]) async
        -> TestResponse
    {
        let headers = headers.merging(["X-Request-ID": "the-same-request"]) { first, _ in first }
        return await call(
            "POST", "/v1/auth/login", json: ["email": .string(email), "password": .string(password)], headers: headers,
            address: address)
    }
}
