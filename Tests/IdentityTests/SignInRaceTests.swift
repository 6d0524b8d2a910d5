import App
import Base
import Modules
import Synchronization
import TestKit
import Testing

@testable import Identity

/// An account that changes while its password is being verified.
@Suite struct SignInRaceTests {
    /// A change of the account, made by an administrator or by the owner of another session.
    enum Change: String, CaseIterable, Sendable {
        case passwordChanged, passwordReset, resetForced, suspended, closed, demoted

        /// Whether the right password of before the change is refused with another problem afterwards.
        var laterCode: String? {
            switch self {
            case .passwordChanged, .passwordReset, .resetForced: "invalid-credentials"
            case .suspended, .closed: "account-suspended"
            case .demoted: nil
            }
        }
    }

    private static let new = "another good password"

    private func make(_ change: Change, _ app: TestApp, _ person: TestPerson, by administrator: TestPerson) async throws
        -> TestResponse
    {
        let path = "/v1/auth/users/\(person.id)"
        switch change {
        case .passwordChanged:
            return await app.call(
                "POST", "/v1/auth/change-password",
                json: ["current_password": .string(person.password), "new_password": .string(Self.new)],
                token: person.token)
        case .passwordReset:
            let token = try await app.resetChallenge(person).token
            return await app.call(
                "POST", "/v1/auth/reset-password",
                json: ["token": .string(token), "new_password": .string(Self.new)])
        case .resetForced:
            return await app.call("PATCH", path, json: ["force_password_reset": true], token: administrator.token)
        case .suspended: return await app.call("PATCH", path, json: ["is_active": false], token: administrator.token)
        case .closed: return await app.call("DELETE", path, token: administrator.token)
        case .demoted: return await app.call("PATCH", path, json: ["role": "user"], token: administrator.token)
        }
    }

    /// Before the first write the password has been verified; before the third one the attempt was judged too.
    @Test(arguments: Engine.available, [1, 3])
    func `a sign-in does not survive a change of the account during it`(_ engine: Engine, _ write: Int) async throws {
        for change in Change.allCases {
            let control = UnavailableDatabase.Switch()
            try await withTestApp(engine, databaseWrapper: control.wrap) { app in
                let administrator = try await app.administrator(), person = try await app.administrator()
                let done = Mutex<TestResponse?>(nil), writes = Mutex(0)
                control.beforeWrites {
                    let isDue = writes.withLock { count in
                        count += 1
                        return count == write
                    }
                    guard isDue else { return }
                    control.beforeWrites(nil)
                    let response = try? await make(change, app, person, by: administrator)
                    done.withLock { $0 = response }
                }
                let response = await app.signIn(person)
                control.beforeWrites(nil)
                let status = try #require(done.withLock { $0 }?.status, "\(change)")
                #expect([200, 204].contains(status), "\(change)")
                #expect(response.status == 401 && response.code == "invalid-credentials", "\(change): \(response)")
                #expect(response["access_token"] == nil)
                let live = try await app.revocationReasons(of: person).count { $0 == nil }
                #expect(live == (change == .passwordChanged ? 1 : 0), "\(change)")
                let refusals = try await app.audited("session.created", "refused")
                #expect(refusals.map(\.subject) == [person.id.text], "\(change)")
                // The next attempt meets the account as it is now.
                #expect(await app.signIn(person).code == change.laterCode, "\(change)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a second step does not survive a change of the account during it`(_ engine: Engine) async throws {
        let control = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: control.wrap) { app in
            let administrator = try await app.administrator(), (person, authenticator) = try await app.registerWithMFA()
            app.clock.advance(by: .minutes(1))
            let token = try #require((await app.signIn(person))["mfa_token"])
            let writes = Mutex(0)
            control.beforeWrites {
                let isDue = writes.withLock { count in
                    count += 1
                    return count == 3
                }
                guard isDue else { return }
                control.beforeWrites(nil)
                _ = try? await make(.suspended, app, person, by: administrator)
            }
            let response = await app.call(
                "POST", "/v1/auth/mfa/challenge",
                json: ["mfa_token": token, "mfa_code": .string(authenticator.code(app))])
            #expect(response.status == 401 && response.code == "invalid-credentials", "\(response)")
            #expect(try await app.revocationReasons(of: person).allSatisfy { $0 != nil })
        }
    }

    @Test(arguments: Engine.available)
    func `a confirmation does not survive a change of the password during it`(_ engine: Engine) async throws {
        let control = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: control.wrap) { app in
            let administrator = try await app.administrator(), person = try await app.register()
            let other = try #require(await app.signIn(person)["access_token"]?.string)
            control.beforeWrites {
                control.beforeWrites(nil)
                _ = try? await make(.passwordChanged, app, person, by: administrator)
            }
            // The other session ends with the change of the password.
            let ended = await app.call(
                "POST", "/v1/auth/change-email",
                json: ["new_email": "new@example.org", "password": .string(person.password)], token: other)
            #expect(ended.code == "token-expired", "\(ended)")
            #expect(try await app.count("SELECT COUNT(*) AS count FROM challenges WHERE purpose = 'change-email'") == 0)

            // The session of the change continues, and the password that was verified is the old one.
            control.beforeWrites {
                control.beforeWrites(nil)
                _ = await app.call(
                    "POST", "/v1/auth/change-password",
                    json: ["current_password": .string(Self.new), "new_password": "a third good password"],
                    token: person.token)
            }
            let wrong = await app.call(
                "POST", "/v1/auth/change-email",
                json: ["new_email": "new@example.org", "password": .string(Self.new)], token: person.token)
            #expect(wrong.code == "wrong-password", "\(wrong)")
            #expect(try await app.count("SELECT COUNT(*) AS count FROM challenges WHERE purpose = 'change-email'") == 0)
        }
    }
}
