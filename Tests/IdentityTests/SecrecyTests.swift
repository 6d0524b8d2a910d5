import App
import Base
import Foundation
import Modules
import TestKit
import Testing

/// Secrets of requests and responses are stored and logged nowhere.
@Suite struct SecrecyTests {
    @Test(arguments: Engine.available)
    func `no password and no token is in the log, a problem document or the database`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            var secrets = [person.password, person.token, person.refreshToken, person.csrf]
            var errors: [TestResponse] = []
            errors.append(
                await app.call(
                    "POST", "/v1/auth/register",
                    json: ["email": .string(person.email), "password": .string(person.password)]))
            errors.append(
                await app.call(
                    "POST", "/v1/auth/login",
                    json: ["email": .string(person.email), "password": "another secret, wrong"]))
            errors.append(
                await app.call(
                    "POST", "/v1/auth/login",
                    json: [
                        "email": .string(person.email), "password": ["another secret, wrong"],
                        "pass": "another secret, wrong",
                    ]))
            errors.append(await app.call("POST", "/v1/auth/register", json: ["email": "x", "password": "secret4"]))
            errors.append(
                await app.call("GET", "/v1/auth/profile?access_token=\(person.token)", token: person.token + "x"))
            errors.append(
                await app.call("GET", "/v1/nothing/\(person.token)?token=\(person.refreshToken)", token: person.token))
            errors.append(await app.refresh(person.refreshToken + "A"))
            errors.append(
                await app.call(
                    "POST", "/v1/auth/logout", token: person.token,
                    headers: ["Origin": "https://x.example", "Cookie": "session=cookie-secret-1"]))
            secrets += ["another secret, wrong", "secret4", "cookie-secret-1"]

            let renewed = await app.refresh(person.refreshToken)
            secrets += ["access_token", "refresh_token", "csrf_token"].compactMap { renewed[$0]?.string }
            app.clock.advance(by: .seconds(40))
            errors.append(await app.refresh(person.refreshToken))
            for response in errors {
                #expect((400..<500).contains(response.status))
                for secret in secrets { #expect(!response.text.contains(secret), "\(response)") }
            }
            #expect(app.log.lines.count == errors.count + 2)
            for line in app.log.lines {
                for secret in secrets + ["Bearer", "$2b$"] { #expect(!line.contains(secret), "\(line)") }
            }

            let rows = try await app.app.database.read { transaction in
                try transaction.all("SELECT email, password_hash FROM people")
                    + transaction.all("SELECT sealed_key, revoked_because, user_agent FROM sessions")
                    + transaction.all("SELECT details, subject FROM audit_events")
            }
            let stored = rows.map { "\($0)" }.joined()
            #expect(stored.contains("$2b$"))
            for secret in secrets { #expect(!stored.contains(secret)) }
        }
    }

    @Test(arguments: Engine.available)
    func `a database failure is logged with its cause, which the response does not contain`(_ engine: Engine)
        async throws
    {
        // An invalid statement in every write once there is an account.
        let wrapper: @Sendable (any Database) -> any Database = { database in
            InterceptedDatabase(
                database,
                beforeCommits: { transaction in
                    if try transaction.count("SELECT COUNT(*) AS count FROM people") > 0 {
                        try transaction.execute("DELETE FROM no_such_table")
                    }
                })
        }
        try await withTestApp(engine, databaseWrapper: wrapper) { app in
            let response = await app.call(
                "POST", "/v1/auth/register",
                json: ["email": "user@example.org", "password": .string(TestApp.password)])
            #expect(response.status == 500)
            #expect(response.code == "internal-error")
            #expect(response.members == ["type", "title", "status", "detail", "code", "request_id", "error"])
            #expect(response["detail"] == "Something went wrong on our side")
            let errors = app.log.lines.filter { $0.contains("\"level\":\"error\"") }
            #expect(errors.count == 1)
            #expect(errors[0].contains("no_such_table"))
            let requestID = try #require(response["request_id"]?.string)
            #expect(errors[0].contains(requestID))
            #expect(!app.log.lines.joined().contains(TestApp.password))
        }
    }
}
