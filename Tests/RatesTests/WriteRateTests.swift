import App
import Base
import TestKit
import Testing

/// The rate of unsafe requests, and the one key of an account.
@Suite struct WriteRateTests {
    @Test(arguments: Engine.available)
    func `unsafe requests have a rate per endpoint and account`(_ engine: Engine) async throws {
        try await withTestApp(engine, change: { $0.limitsRates = true }) { app in
            let (person, other) = (try await app.subscriber("pro"), try await app.subscriber("pro", "other"))
            func predict(_ session: String, _ person: TestPerson) async -> TestResponse {
                await app.call("POST", "/v1/training/predict/\(session)", token: person.token)
            }
            let first = await predict("none", person)
            #expect(first.status != 429 && first.headers["ratelimit-policy"]?.contains(#""writes";q=120;w=60"#) == true)
            #expect(first.headers["ratelimit"]?.contains(#""writes";r=119"#) == true, "\(first.headers)")
            for turn in 1..<120 { #expect(await predict("none-\(turn)", person).status != 429) }
            for session in ["none", "another"] {
                let refused = await predict(session, person)
                #expect(refused.status == 429 && refused.code == "rate-limited", "\(refused)")
                #expect(refused["limit"]?.string?.contains("120 per minute") == true, "\(refused)")
                #expect(refused.headers["retry-after"] == "1")
            }
            #expect(await app.call("GET", "/v1/auth/profile", token: person.token).status == 200, "a safe request")
            let name: JSONValue = ["full_name": "Another"]
            #expect(await app.call("PUT", "/v1/user/profile", json: name, token: person.token).status == 200)
            #expect(await predict("none", other).status != 429, "another account")
            app.clock.advance(by: .milliseconds(500))
            #expect(await predict("none", person).status != 429)
            #expect(await predict("none", person).status == 429)
        }
    }

    @Test(arguments: Engine.available)
    func `a plan sets the rate of unsafe requests, and without a plan the entry default does`(_ engine: Engine)
        async throws
    {
        let plans = """
            default: { rates: { writes: [1/minute] } }
            plans:
              - { id: free, name: Free, start: anyone, rates: { writes: [3/minute] }, file_mb: 1, storage_mb: 1 }
              - { id: pro, name: Pro, rates: { default: [90/minute] }, file_mb: 1, storage_mb: 1 }
            """
        try await withPlansFile(plans) { path in
            try await withTestApp(engine, change: { ($0.limitsRates, $0.plansFile) = (true, path) }) { app in
                let people = [
                    (try await app.register(), 1), (try await app.subscriber("free"), 3),
                    (try await app.subscriber("pro"), 1),
                ]
                for (person, limit) in people {
                    for turn in 0...limit {
                        let response = await app.call(
                            "PUT", "/v1/user/profile", json: ["full_name": "Another"], token: person.token)
                        #expect(response.status == (turn < limit ? 200 : 429), "\(turn) of \(limit): \(response)")
                        let policy = response.headers["ratelimit-policy"] ?? ""
                        #expect(policy.contains("\"writes\";q=\(limit);w=60"), "\(policy)")
                    }
                }
            }
        }
    }

    @Test func `unsafe requests without an account have the rate per endpoint and network`() async throws {
        try await withTestApp(.sqlite, change: { $0.limitsRates = true }) { app in
            func verify(from address: String) async -> Int {
                await app.call("POST", "/v1/auth/verify-token", json: ["token": "no token"], address: address).status
            }
            for _ in 0..<120 { #expect(await verify(from: "192.0.2.1") != 429) }
            #expect(await verify(from: "192.0.2.1") == 429)
            #expect(await verify(from: "192.0.2.2") != 429)
            let refresh = await app.call("POST", "/v1/auth/refresh", json: ["refresh_token": "no token"])
            #expect(refresh.status == 401, "another endpoint")
        }
    }

    @Test(arguments: Engine.available)
    func `every spelling of an account's name counts as one account`(_ engine: Engine) async throws {
        try await withTestApp(
            engine, change: { ($0.limitsRates, $0.authenticationRequests) = (true, 5) }
        ) { app in
            func login(_ name: String, from host: Int) async -> TestResponse {
                await app.call(
                    "POST", "/v1/auth/login", json: ["email": .string(name), "password": "wrong password"],
                    address: "198.51.100.\(host)")
            }
            let spellings = [
                "target@b\u{FC}cher.example", "TARGET@B\u{DC}CHER.example",
                "\u{FF54}\u{FF41}\u{FF52}\u{FF47}\u{FF45}\u{FF54}@b\u{FC}cher.example",
                "tar get @ b\u{75}\u{308}cher.example\u{A0}", "target@xn--bcher-kva.example",
            ]
            for (host, name) in spellings.enumerated() {
                #expect(await login(name, from: host).status == 401, "\(name)")
            }
            for (host, name) in spellings.enumerated() {
                let refused = await login(name, from: 100 + host)
                #expect(refused.status == 429, "\(name): \(refused)")
                #expect(refused.headers["ratelimit"]?.contains(#""account";r=0"#) == true)
            }
            #expect(await login("other@b\u{FC}cher.example", from: 200).status == 401)
        }
    }

    @Test(arguments: Engine.available)
    func `the address and the user name of an account have one rate, which no response shows`(_ engine: Engine)
        async throws
    {
        try await withTestApp(
            engine, change: { ($0.limitsRates, $0.authenticationRequests) = (true, 5) }
        ) { app in
            let person = try await app.register()
            #expect(
                await app.call("PUT", "/v1/user/profile", json: ["username": "target"], token: person.token).status
                    == 200)
            func login(_ name: String, _ password: String, from address: String) async -> TestResponse {
                await app.call(
                    "POST", "/v1/auth/login", json: ["username": .string(name), "password": .string(password)],
                    address: address)
            }
            for host in 1...3 {
                #expect(await login(person.email, "wrong password", from: "198.51.100.\(host)").status == 401)
            }
            for host in 4...5 {
                #expect(await login("target", "wrong password", from: "198.51.100.\(host)").status == 401)
            }
            // The right password is refused as a wrong one is, and as that of a name without an account.
            let refused = await login("target", person.password, from: "198.51.100.6")
            let wrong = await login(person.email, "wrong password", from: "198.51.100.7")
            for _ in 0..<2 { _ = await login("unknown", "wrong password", from: "198.51.100.8") }
            let unknown = await login("unknown", "wrong password", from: "198.51.100.9")
            for response in [refused, wrong, unknown] {
                #expect(response.status == 401 && response.code == "invalid-credentials", "\(response)")
                #expect(response["detail"] == unknown["detail"])
            }
            for response in [refused, unknown] {
                #expect(response.headers["ratelimit"]?.contains(#""account";r=2"#) == true, "\(response.headers)")
                #expect(response.headers["ratelimit"]?.contains("sign-in") == false)
            }
            // The network of the registration is known.
            #expect(await login("target", person.password, from: "192.0.2.1").status == 200)
            app.clock.advance(by: .minutes(1))
            #expect(await login("target", person.password, from: "198.51.100.10").status == 200)
        }
    }
}
