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
                #expect(refused["detail"]?.string?.contains("120 per minute") == true)
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
}
