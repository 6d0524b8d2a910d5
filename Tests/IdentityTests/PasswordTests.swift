import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

@Suite struct PasswordTests {
    @Test func `short, long, common and personal passwords are refused with the reason`() async throws {
        try await withTestApp(.sqlite) { app in
            let refusals: [(password: String, reason: String)] = [
                ("short77", "must have at least 8 characters"),
                (String(repeating: "🂡", count: 7), "must have at least 8 characters"),
                ("0123456789" + String(repeating: "xy", count: 31) + "z", "must have at most 72 bytes"),
                ("password123", "is among the most common passwords; choose another"),
                ("PassWord123", "is among the most common passwords; choose another"),
                ("ｐａｓｓｗｏｒｄ１２３", "is among the most common passwords; choose another"),
                ("abababababab", "is among the most common passwords; choose another"),
                ("Test.User@example.org", "must not be your own name or address"),
                ("test.user", "must not be your own name or address"),
                ("test-user", "must not be your own name or address"),
                ("nul\0nul\0nul", "must not contain a NUL character"),
            ]
            for (password, reason) in refusals {
                let response = await app.call(
                    "POST", "/v1/auth/register",
                    json: ["email": "test.user@example.org", "password": .string(password), "username": "Test-User"]
                )
                #expect(response.status == 422, "\(password)")
                #expect(response.pointers == ["/password"])
                #expect(response["errors"]?[0]?["detail"] == .string(reason))
                // The response does not contain the password.
                #expect(!response.text.contains(password))
            }
            let count = try await app.count("SELECT COUNT(*) AS count FROM people")
            #expect(count == 0)
        }
    }

    @Test(arguments: ["eightchr", String(repeating: "ä12xy", count: 12), "پاسخ درست من"])
    func `a password of the minimum or maximum length signs in, and a longer one does not`(_ password: String)
        async throws
    {
        try await withTestApp(.sqlite) { app in
            let registered = await app.call(
                "POST", "/v1/auth/register", json: ["email": "user@example.org", "password": .string(password)])
            #expect(registered.status == 201)
            func login(_ password: String) async -> TestResponse {
                await app.call(
                    "POST", "/v1/auth/login", json: ["email": "user@example.org", "password": .string(password)])
            }
            #expect(await login(password).status == 200)
            // bcrypt ignores bytes after the first 72.
            #expect(await login(password + "x").code == "invalid-credentials")
            #expect(await login(String(password.dropLast())).code == "invalid-credentials")
        }
    }

    @Test func `bcrypt hashes of other implementations are verified`() async throws {
        let hasher = try PasswordHasher(cost: 4, threads: 1)
        // From Python's bcrypt, and the first vector of OpenBSD's test.
        #expect(try await hasher.verify("U*U", against: "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"))
        #expect(
            try await !hasher.verify("U*V", against: "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"))
        #expect(try await !hasher.verify("anything", against: nil))
        let (first, second) = (try await hasher.hash("the same"), try await hasher.hash("the same"))
        #expect(first != second)
        #expect(first.hasPrefix("$2b$04$"))
        await #expect(throws: Problem.self) { try await hasher.verify("anything", against: "not a hash") }
    }

    @Test func `concurrent logins over the capacity of the hashing pool are refused with 503`() async throws {
        try await withTestApp(.sqlite, change: { $0.bcryptRounds = 8 }) { app in
            let person = try await app.register()
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                for _ in 0..<80 { group.addTask { await app.signIn(person) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let refused = responses.filter { $0.status != 200 }
            #expect(!refused.isEmpty)
            for response in refused {
                #expect(response.status == 503)
                #expect(response.code == "overloaded")
                #expect(response.headers["retry-after"] == "2")
            }
            #expect(await app.signIn(person).status == 200)
        }
    }
}
