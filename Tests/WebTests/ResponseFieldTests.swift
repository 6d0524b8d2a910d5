import App
import Base
import HTTPTypes
import NIOCore
import TestKit
import Testing
import Web

/// The header fields of every response.
@Suite struct ResponseFieldTests {
    @Test(arguments: Engine.available)
    func `responses are not stored and have no other media type than they say`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let login: JSONValue = ["email": .string(person.email), "password": .string(person.password)]
            for response in [
                await app.call("GET", "/v1/auth/profile", token: person.token),
                await app.call("GET", "/v1/organisations", token: person.token),
                await app.call("POST", "/v1/auth/login", json: login),
                await app.call("GET", "/v1/verify-email?token=abc"),
                await app.call("GET", "/v1/reset-password?token=abc"),
                await app.call("GET", "/v1/plans"),
                await app.call("GET", "/v1/auth/profile"),
                await app.call("GET", "/v1/nothing"),
                await app.call("PATCH", "/health"),
                await TestResponse(app.app.dispatcher.refuse(HTTPError.malformed.problem)),
            ] {
                #expect(response.headers["cache-control"] == "no-store", "\(response)")
                #expect(response.headers["x-content-type-options"] == "nosniff", "\(response)")
            }
            for path in ["/", "/docs", "/docs/style.css", "/openapi.json", "/ready", "/.well-known/jwks.json"] {
                let response = await app.call("GET", path)
                #expect(response.headers["x-content-type-options"] == "nosniff", "\(path)")
                #expect(response.headers["cache-control"] != nil, "\(path)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a response has the seconds that it took, a list the number of its elements`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let other = try await app.register()
            let administrator = try await app.administrator()
            for response in [await app.call("GET", "/health"), await app.call("GET", "/v1/auth/profile")] {
                let text = try #require(response.headers["x-process-time"])
                #expect(text.wholeMatch(of: /[0-9]+\.[0-9]{6}/) != nil, "\(text)")
                #expect(response.headers["x-total-count"] == nil)
            }
            let users = await app.call("GET", "/v1/auth/users?limit=1", token: administrator.token)
            #expect(users.status == 200 && users["users"]?.array?.count == 1, "\(users)")
            #expect(users.headers["x-total-count"] == users["total"]?.integer.map { "\($0)" })
            #expect(users.headers["x-total-count"] == "3", "\(other.email)")
            let plans = await app.call("GET", "/v1/plans")
            #expect(plans.headers["x-total-count"] == plans["plans"]?.array.map { "\($0.count)" })
            let lists = [("organisations", "organisations"), ("auth/sessions", "data"), ("credits/entries", "data")]
            for (path, name) in lists {
                let list = await app.call("GET", "/v1/\(path)", token: person.token)
                let count = list[name]?.array.map { "\($0.count)" }
                #expect(list.status == 200 && count != nil, "\(path): \(list)")
                #expect(list.headers["x-total-count"] == count, "\(path): \(list)")
            }
        }
    }

    // MARK: Entity tags

    @Test(arguments: ["/docs", "/docs/style.css", "/openapi.json", "/problems/not-found", "/ready"])
    func `a document that the client has already is not sent again`(_ path: String) async throws {
        try await withTestApp(.sqlite) { app in
            let first = await app.call("GET", path)
            let tag = try #require(first.headers["etag"])
            #expect(first.status == 200 && first.headers["cache-control"] == "no-cache")
            for condition in [tag, "W/\(tag)", "\"other\", \(tag)", "*"] {
                let same = await app.call("GET", path, headers: ["If-None-Match": condition])
                #expect(same.status == 304 && same.bytes.isEmpty, "\(condition): \(same)")
                #expect(same.headers["etag"] == tag && same.headers["content-type"] == nil)
            }
            for condition in ["\"other\"", "", tag + "x"] {
                let again = await app.call("GET", path, headers: ["If-None-Match": condition])
                #expect(again.status == 200 && again.bytes == first.bytes, "\(condition)")
            }
            #expect(await app.call("HEAD", path).headers["etag"] == tag)
        }
    }

    // MARK: Compressed bodies

    @Test(arguments: Engine.available, ["gzip", "deflate", "br", "GZIP", "identity, gzip"])
    func `a compressed body is answered 415 with the reason`(_ engine: Engine, coding: String) async throws {
        try await withTestApp(engine) { app in
            let account: JSONValue = ["email": "new@example.org", "password": .string(TestApp.password)]
            let refused = await app.call(
                "POST", "/v1/auth/register", json: account, headers: ["Content-Encoding": coding])
            #expect(refused.status == 415 && refused.code == "unsupported-media-type")
            #expect(refused["detail"]?.string?.contains("compressed") == true)
            #expect(refused.headers["accept-encoding"] == "identity")
            let accepted = await app.call(
                "POST", "/v1/auth/register", json: account, headers: ["Content-Encoding": "identity"])
            #expect(accepted.status == 201, "the refused request registered nothing")
        }
    }

    @Test(arguments: Engine.available)
    func `the time of a sign-in and of its family is rounded up to 50 milliseconds`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            func login(_ email: String, _ password: String) async -> TestResponse {
                await app.call(
                    "POST", "/v1/auth/login", json: ["email": .string(email), "password": .string(password)])
            }
            let address: JSONValue = ["email": .string(person.email)]
            let responses = [
                (401, await login(person.email, "wrong password")), (401, await login("none@example.org", "wrong")),
                (200, await login(person.email, person.password)),
                (
                    409,
                    await app.call(
                        "POST", "/v1/auth/register",
                        json: [
                            "email": .string(person.email),
                            "password": .string(person.password),
                        ])
                ),
                (200, await app.call("POST", "/v1/auth/forgot-password", json: address)),
                (200, await app.call("POST", "/v1/auth/forgot-password", json: ["email": "none@example.org"])),
                (200, await app.call("POST", "/v1/auth/resend-verification", json: address)),
                (422, await app.call("POST", "/v1/auth/login", json: [:])),
                (400, await app.call("POST", "/v1/auth/verify-email", json: ["token": "none"])),
                (
                    401,
                    await app.call(
                        "POST", "/v1/auth/change-email",
                        json: [
                            "new_email": "new@example.org", "password": "wrong password",
                        ], token: person.token)
                ),
            ]
            for (status, response) in responses {
                let text = try #require(response.headers["x-process-time"])
                let parts = text.split(separator: ".")
                #expect(response.status == status, "\(response)")
                #expect(parts.count == 2 && Int(parts[1]).map { $0 % 50_000 } == 0, "\(text)")
                #expect((Double(text) ?? 0) >= 0.05, "\(text)")
            }
        }
    }

    @Test func `a compressed form is answered 415 before it is read`() async {
        let fixture = WebFixture([
            .post("forms", "Send a form", requires: .public, .multipart(texts: [], file: "file")) { _, form in
                for try await _ in form.body {}
                return NoContent()
            }
        ])
        let unreadable = AsyncThrowingStream<ByteBuffer, any Error>(unfolding: { throw CancellationError() })
        let body = RequestBody(unreadable, announcedSize: nil)
        let response = await fixture.call(
            "POST", "/forms",
            headers: ["Content-Type": "multipart/form-data; boundary=x", "Content-Encoding": "gzip"], body: body)
        #expect(response.status == 415)
    }
}
