import Base
import Foundation
import Modules
import TestKit
import Testing

@testable import Identity

/// Cached accounts, by person.
@Suite struct AccountCacheTests {
    private static let start = Instant(seconds: 1_000_000)
    private let first = Runtime.system.id(of: Person.self)
    private let second = Runtime.system.id(of: Person.self)

    private func account(_ id: ID<Person>, _ name: String) -> Account {
        let person = Person(
            id: id, organisation: Runtime.system.id(), email: "person@example.org", username: nil, fullName: name,
            firstName: nil, lastName: nil, phone: nil, role: .user, isEmailVerified: true, isSuspended: false,
            createdAt: Self.start, updatedAt: Self.start, passwordHash: "")
        return Account(AccountRecord(person: person, signIns: 1, lastLogin: nil), activeSessions: 0)
    }

    /// Reads through `cache`; the database has `stored`.
    private func read(
        _ cache: AccountCache, _ id: ID<Person>, stored: String, at now: Instant = start
    ) async throws -> String? {
        try await cache.account(of: id, at: now) { () async throws(Problem) in account(id, stored) }.body.fullName
    }

    @Test func `a write invalidates the account that it concerns and no other`() async throws {
        let cache = AccountCache()
        for person in [first, second] { #expect(try await read(cache, person, stored: "before") == "before") }
        cache.invalidate(first)
        #expect(try await read(cache, first, stored: "after") == "after")
        #expect(try await read(cache, second, stored: "after") == "before")
    }

    @Test func `a write of another process is read after half a second`() async throws {
        let cache = AccountCache()
        #expect(try await read(cache, first, stored: "before") == "before")
        #expect(try await read(cache, first, stored: "after", at: Self.start + .milliseconds(399)) == "before")
        #expect(try await read(cache, first, stored: "after", at: Self.start + .milliseconds(500)) == "after")
    }

    @Test func `a value that was read before a write is not cached after it`() async throws {
        let cache = AccountCache()
        let stale = try await cache.account(of: first, at: Self.start) { () async throws(Problem) in
            let account = account(first, "before")
            cache.invalidate(first)
            return account
        }
        #expect(stale.body.fullName == "before")
        #expect(try await read(cache, first, stored: "after") == "after")
        #expect(try await read(cache, first, stored: "later") == "after")
    }

    @Test func `a write of one account does not discard the read of another`() async throws {
        let cache = AccountCache()
        _ = try await cache.account(of: first, at: Self.start) { () async throws(Problem) in
            cache.invalidate(second)
            return account(first, "before")
        }
        #expect(try await read(cache, first, stored: "after") == "before")
    }

    @Test func `a failed read caches nothing`() async throws {
        let cache = AccountCache()
        await #expect(throws: Problem.self) {
            try await cache.account(of: first, at: Self.start) { () async throws(Problem) in throw Problem(.notFound) }
        }
        #expect(try await read(cache, first, stored: "after") == "after")
    }

    @Test(arguments: Engine.available)
    func `a sign-in of one person leaves the cached accounts of others`(_ engine: Engine) async throws {
        let counter = CountingDatabase.Counter()
        try await withTestApp(engine, databaseWrapper: { CountingDatabase($0, counter) }) { app in
            let person = try await app.register()
            let other = try await app.register()
            _ = await app.call("GET", "/v1/auth/profile", token: person.token)
            #expect(await app.signIn(other).status == 200)
            let before = counter.total
            #expect(await app.call("GET", "/v1/auth/profile", token: person.token).status == 200)
            #expect(counter.total == before)
        }
    }

    @Test(arguments: Engine.available)
    func `every change of an account by this process is read at once`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            func profile() async -> TestResponse { await app.call("GET", "/v1/auth/profile", token: person.token) }
            #expect(await profile()["sign_in_count"] == 1)

            let second = try #require(await app.signIn(person)["refresh_token"]?.string)
            #expect(await profile()["sign_in_count"] == 2)
            let third = await app.refresh(second)
            #expect(third.status == 200)
            app.clock.advance(by: Session.replayWindow + .seconds(1))
            _ = await profile()
            // The reuse of a refresh token revokes its session.
            #expect(await app.refresh(second).status == 401)
            #expect(await profile()["sign_in_count"] == 1)

            _ = await app.signIn(person)
            #expect(await profile()["sign_in_count"] == 2)
            #expect(
                await app.call("DELETE", "/v1/auth/sessions?scope=others", token: person.token).status == 200)
            #expect(await profile()["sign_in_count"] == 1)

            let updated = await profile()["updated_at"]
            app.clock.advance(by: .seconds(1))
            _ = await profile()
            let change: JSONValue = [
                "current_password": .string(person.password), "new_password": "another good passphrase",
            ]
            #expect(
                await app.call("POST", "/v1/auth/change-password", json: change, token: person.token).status == 200)
            #expect(await profile()["updated_at"] != updated)
        }
    }
}
