import App
import Base
import Foundation
import Modules
import TestKit
import Testing

/// Invalid input to the account endpoints: it is refused, changes nothing, and no secret is logged.
@Suite struct AccountInputTests {
    /// A valid body for each endpoint.
    private static let endpoints: [(method: String, path: String, body: [String: JSONValue])] = [
        ("POST", "/v1/auth/register", ["email": "new@example.org", "password": "canary good password"]),
        ("POST", "/v1/auth/verify-email", ["token": "canary-token"]),
        ("POST", "/v1/auth/resend-verification", ["email": "new@example.org"]),
        ("POST", "/v1/auth/forgot-password", ["email": "new@example.org"]),
        ("POST", "/v1/auth/reset-password", ["token": "canary-token", "new_password": "canary good password"]),
        (
            "POST", "/v1/auth/change-password",
            ["current_password": .string(TestApp.password), "new_password": "canary good password"]
        ),
        ("POST", "/v1/auth/change-email", ["new_email": "new@example.org", "password": .string(TestApp.password)]),
        ("PUT", "/v1/auth/me", [:]),
        ("PUT", "/v1/user/profile", [:]),
    ]

    private func rows(_ app: TestApp) async throws -> [[SQL.Value]] {
        try await app.app.database.read { transaction in
            try transaction.all("SELECT * FROM people ORDER BY id").map(\.values)
                + transaction.all("SELECT * FROM sessions ORDER BY id").map(\.values)
                + transaction.all("SELECT id, ended_at, tries FROM challenges ORDER BY id").map(\.values)
        }
    }

    @Test(arguments: Engine.available)
    func `wrong types, missing and unknown fields, null, NUL and bodies over the limit are refused`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let before = try await rows(app)
            let megabyte = String(repeating: "a", count: 1 << 20)
            for (method, path, valid) in Self.endpoints {
                var invalid: [(body: JSONValue, statuses: Set<Int>)] = [
                    (.object(valid.merging(["unknown_field": "canary"]) { $1 }), [422]), ([], [422]), (.null, [422]),
                    ("canary", [422]), (7, [422]),
                ]
                for name in valid.keys {
                    for value: JSONValue in [
                        7, true, [], [:], .string("canary\0"), .string(String(repeating: "a", count: 20_000)),
                    ] {
                        invalid.append((.object(valid.merging([name: value]) { $1 }), [422]))
                    }
                    invalid.append((.object(valid.merging([name: JSONValue.null]) { $1 }), [422]))
                    invalid.append((.object(valid.filter { $0.key != name }), [422]))
                    invalid.append((.object(valid.merging([name: .string(megabyte)]) { $1 }), [413]))
                }
                for (body, statuses) in invalid {
                    let response = await app.call(method, path, json: body, token: person.token)
                    #expect(
                        statuses.contains(response.status), "\(method) \(path) \("\(body)".prefix(100)): \(response)")
                    #expect(!response.text.contains("canary"))
                }
                for malformed in [
                    "", "{", "{\"email\":", "[1,]", "{\"a\":1}{", "\u{FEFF}{}", "{\"email\": \"\\ud800\"}", "nul",
                ] {
                    let response = await app.call(
                        method, path, body: ("application/json", Array(malformed.utf8)), token: person.token)
                    #expect(
                        response.status == 400 || response.status == 422, "\(method) \(path) \(malformed): \(response)")
                }
                let deep = Array(String(repeating: "[", count: 100_000).utf8)
                #expect(
                    await app.call(method, path, body: ("application/json", deep), token: person.token).status == 400)
                #expect(
                    await app.call(method, path, body: ("application/json", [0xFF, 0xFE, 0x7B]), token: person.token)
                        .status == 400)
                #expect(
                    await app.call(method, path, body: ("text/plain", Array("{}".utf8)), token: person.token).status
                        == 415)
            }
            #expect(try await rows(app) == before)
            #expect(await app.call("GET", "/v1/auth/me", token: person.token).status == 200)
            for line in app.log.lines { #expect(!line.contains("canary") && !line.contains(TestApp.password)) }
        }
    }

    @Test(arguments: Engine.available)
    func `addresses and names with mixed scripts, invisible or control characters are refused`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let addresses = [
                // Cyrillic а, о and е, Greek ο, Armenian օ and Cherokee Ꭺ mixed with Latin letters.
                "\u{0430}me@example.org", "user@ex\u{0430}mple.org", "user@exampl\u{0435}.org",
                "ad\u{03BF}@example.org", "b\u{0585}b@example.org",
                "\u{13AA}me@example.org",
                "name\u{202E}@example.org", "name\u{00AD}@example.org", "name\u{2060}@example.org",
                "a\u{3164}me@example.org", "user@exam\u{200D}ple.org",
                "name\u{0007}@example.org", "name\r\n@example.org", "user@example.org\r\nBcc: all@example.org",
                "name\u{FF20}other@example.org",
                "name\0@example.org",
            ]
            for address in addresses {
                let response = await app.call(
                    "POST", "/v1/auth/register",
                    json: ["email": .string(address), "password": .string(TestApp.password)])
                #expect(response.status == 422, "\(address): \(response)")
                #expect(response.pointers == ["/email"])
            }
            for field in ["full_name", "first_name", "last_name", "phone", "organization", "student_id", "employee_id"]
            {
                for text in ["a\u{0000}b", "a\u{0007}b", "a\nb", "a\u{202E}b", "a\u{2028}b", "a\u{200B}b"] {
                    let body: JSONValue = [
                        "email": "new@example.org", "password": .string(TestApp.password), field: .string(text),
                    ]
                    let response = await app.call("POST", "/v1/auth/register", json: body)
                    #expect(response.status == 422, "\(field)")
                    #expect(response.pointers == ["/\(field)"])
                }
            }
            let people = try await app.count("SELECT COUNT(*) AS count FROM people")
            #expect(people == 0)

            // One script, scripts without confusable characters, and joiners that a script requires are accepted.
            let valid = [
                "иван@почта.рф", "ολγα@παράδειγμα.ελ", "山田taro@例え.jp",
                "josé.müller@bücher.example",
                "ivan.петров@example.org",
            ]
            for address in valid {
                let response = await app.call(
                    "POST", "/v1/auth/register",
                    json: ["email": .string(address), "password": .string(TestApp.password)])
                #expect(response.status == 201, "\(address): \(response)")
            }
            let joined = await app.call(
                "POST", "/v1/auth/register",
                json: [
                    "email": "new@example.org", "password": .string(TestApp.password),
                    "full_name": "می\u{200C}خواهم",
                ]
            )
            #expect(joined.status == 201)
        }
    }

    @Test(arguments: Engine.available)
    func `a name that e-mails carry has no web address and no line break`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            let organisation = try await app.organisation(of: person)
            let before = await app.call("GET", "/v1/user/profile", token: person.token)
            let names = [
                "URGENT: pay at https://pay.example/now", "pay at www.pay.example", "evil.com", "a b EVIL.COM/pay",
                "pay@evil.com", "(evil.co.uk)", "ｈｔｔｐ：／／pay", "evil．com", "evil。com",
                "Win at prize.bond", "evil.support", "claim.cfd", "evil.zip", "evil.hk", "evil.ua", "evil.com.mx",
                "goo.gl/x", "t.me/x", "1.2.3.4/pay", "evil.com\u{FE0F} now", "evil.co\u{200D}m", "x.xn--p1ai",
                "пример.рф", "evil.com.", "evil.com.x", "Dr.Com", "a.Dr.Smith", "evil.international",
                "two\nlines", "two\r\nlines", "two\u{2028}lines",
            ]
            for name in names {
                for field in ["full_name", "first_name", "last_name", "organization"] {
                    let body: JSONValue = [
                        "email": "new@example.org", "password": .string(TestApp.password), field: .string(name),
                    ]
                    let refused = await app.call("POST", "/v1/auth/register", json: body)
                    #expect(refused.status == 422 && refused.pointers == ["/\(field)"], "\(name): \(refused)")
                }
                let changes = [("auth/me", "full_name"), ("user/profile", "first_name"), ("auth/me", "last_name")]
                for (path, field) in changes {
                    let refused = await app.call(
                        "PUT", "/v1/\(path)", json: .object([field: .string(name)]), token: person.token)
                    #expect(refused.status == 422 && refused.pointers == ["/\(field)"], "\(name): \(refused)")
                }
                for (method, path) in [("POST", "organisations"), ("PUT", "organisations/\(organisation)")] {
                    let refused = await app.call(
                        method, "/v1/\(path)", json: ["name": .string(name)], token: person.token)
                    #expect(refused.status == 422 && refused.pointers == ["/name"], "\(name): \(refused)")
                }
            }
            #expect(await app.call("GET", "/v1/user/profile", token: person.token).json == before.json)
            #expect(try await app.count("SELECT COUNT(*) AS count FROM people") == 1)
            #expect(try await app.count("SELECT COUNT(*) AS count FROM organisations") == 2)

            for name in [
                "Dr.Smith", "J.R.R. Tolkien", "St.Gallen", "Acme S.p.A.", "Node.js Foundation", "AT&T / Research",
                "Company: North", "A.B.C. Ltd.", "山田 太郎", "St. Mary's", "Dr. A. Name", "Acme Inc.", "J.R.R.",
                "No.1 Street", "Version 2.0.1", "So... what", "Prof.Tolkien", "e.V.", "Ph.D.",
            ] {
                let accepted = await app.call(
                    "PUT", "/v1/auth/me", json: ["full_name": .string(name)], token: person.token)
                #expect(accepted["full_name"] == .string(name), "\(accepted)")
                let renamed = await app.call(
                    "PUT", "/v1/organisations/\(organisation)", json: ["name": .string(name)], token: person.token)
                #expect(renamed["name"] == .string(name), "\(renamed)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `every registration field of the five systems' clients is accepted`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let body: JSONValue = [
                "email": "user@example.org", "username": "testperson", "password": .string(TestApp.password),
                "full_name": "Test Person",
                "first_name": "Test",
                "last_name": "Person", "phone": "+44 20 7946 0000", "role": "student",
                "organization": "Test Organisation",
                "auth_provider": "email",
                "student_id": "S-1815", "employee_id": "E-1852",
            ]
            let response = await app.call("POST", "/auth/signup", json: body)
            #expect(response.status == 201)
            #expect(
                (response["user"]?["first_name"], response["user"]?["last_name"], response["user"]?["roles"]) == (
                    "Test", "Person", ["student"]
                ))
            let stored = try await app.count(
                """
                SELECT COUNT(*) AS count FROM people JOIN organisations ON organisations.personal_of = people.id
                WHERE student_id = 'S-1815' AND employee_id = 'E-1852' AND phone = '+44 20 7946 0000'
                  AND organisations.name = 'Test Organisation'
                """
            )
            #expect(stored == 1)
            #expect(
                await app.call(
                    "POST", "/auth/signup",
                    json: ["email": "b@example.org", "password": .string(TestApp.password), "auth_provider": "google"]
                )
                .status == 422)
        }
    }

    @Test(arguments: ["ExamplePerson1815", "example_person!", "1815EXAMPLE.PERSON", "Example-Person-99"])
    func `a password made of the account's own name and digits is refused`(_ password: String) async throws {
        try await withTestApp(.sqlite) { app in
            let response = await app.call(
                "POST", "/v1/auth/register",
                json: [
                    "email": "person.person@example.org", "full_name": "Example Person",
                    "password": .string(password),
                ]
            )
            #expect(response.status == 422)
            #expect(response.pointers == ["/password"])
            #expect(!response.text.contains(password))
        }
    }
}
