import App
import Base
import Modules
import TestKit
import Testing

@testable import Identity

/// Accounts whose address is not verified: the address may be another person's.
@Suite struct UnverifiedAccountTests {
    private static let new = "another good password"

    @Test(arguments: Engine.available)
    func `an account makes keys, second factors, organisations and invitations once its address is verified`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register(isVerified: false)
            let requests: [(path: String, json: JSONValue?, status: Int)] = [
                ("auth/api-keys", ["name": "for a test", "scopes": ["*"]], 201),
                ("user/profile/reset-api-key", nil, 200),
                ("auth/mfa/setup", ["password": .string(person.password)], 200),
                ("organisations", ["name": "Second organisation"], 201),
                ("organisations/\(person.organisation)/invitations", ["email": "guest@example.org"], 201),
            ]
            for (path, json, _) in requests {
                let refused = await app.call("POST", "/v1/\(path)", json: json, token: person.token)
                #expect(refused.status == 403 && refused.code == "email-not-verified", "\(path): \(refused)")
                #expect(refused["error"] == "Verify your e-mail address first.")
            }
            // The refusal precedes the body and the id.
            for path in ["auth/mfa/verify", "auth/api-keys/00000000-0000-7000-8000-00000000dead/rotation"] {
                let refused = await app.call("POST", "/v1/\(path)", json: [:], token: person.token)
                #expect(refused.code == "email-not-verified", "\(path): \(refused)")
            }
            for table: SQL in ["api_keys", "second_factors", "recovery_codes", "invitations"] {
                #expect(try await app.count("SELECT COUNT(*) AS count FROM \(table)") == 0)
            }
            #expect(try await app.count("SELECT COUNT(*) AS count FROM organisations") == 1)
            #expect(try await app.mail(to: "guest@example.org").isEmpty)

            let token = try await app.verificationChallenge(person).token
            #expect(await app.verify(token: token).status == 200)
            for (path, json, status) in requests {
                let accepted = await app.call("POST", "/v1/\(path)", json: json, token: person.token)
                #expect(accepted.status == status, "\(path): \(accepted)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a reset of an account that was never verified ends all access from before`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (person, partner) = (try await app.register("person"), try await app.register("partner"))
            let guest = try await app.register("guest")
            // The account is verified while it makes what an unverified one must not make; then its row is set back.
            let change: JSONValue = ["new_email": "elsewhere@example.org", "password": .string(person.password)]
            #expect(await app.call("POST", "/v1/auth/change-email", json: change, token: person.token).status == 200)
            let changeLink = try #require(
                try await app.challenges("verify-email", to: "elsewhere@example.org").first?.token)
            let erasure: JSONValue = ["password": .string(person.password)]
            #expect(await app.call("POST", "/v1/user/erasure", json: erasure, token: person.token).status == 202)
            let authenticator = try AuthenticatorFixture(
                await app.mfa("setup", person, ["password": .string(person.password)]))
            let enabled = await app.mfa("verify", person, ["code": .string(authenticator.code(app))])
            #expect(enabled.status == 200)
            let key = try #require(await app.makeKey(person, ["*"])["api_key"]?.string)
            try await app.join(partner, person.organisation, as: "owner", invitedBy: person)
            let header = ["X-Organisation": person.organisation]
            let partnersKey = try #require(await app.makeKey(partner, ["*"], headers: header)["api_key"]?.string)
            let moved = try #require(
                await app.call(
                    "POST", "/v1/auth/switch-organisation", json: ["organisation_id": .string(person.organisation)],
                    token: partner.token)["access_token"]?.string)
            let invitation = try await app.invite(
                guest.email, to: person.organisation, as: "admin", by: person)
            let cookie = try await browserSession(of: person, authenticator, app)
            #expect(await app.call("GET", "/v1/auth/browser-session", headers: ["Cookie": cookie]).status == 200)
            for credential in [key, partnersKey] {
                #expect(await app.call("GET", "/v1/auth/verify", headers: ["X-API-Key": credential]).status == 200)
            }
            #expect(await app.call("GET", "/v1/auth/verify", token: moved).status == 200)
            try await app.setVerified(false, person)

            let reset = await reset(person, app)
            #expect(reset.status == 200, "\(reset)")
            #expect(try await app.isVerified(person))
            // Sessions, browser sessions and keys.
            #expect(await app.call("GET", "/v1/auth/me", token: person.token).code == "token-expired")
            #expect(await app.refresh(person.refreshToken).code == "invalid-refresh-token")
            #expect(await app.call("GET", "/v1/auth/browser-session", headers: ["Cookie": cookie]).status == 401)
            for credential in [key, partnersKey] {
                let refused = await app.call("GET", "/v1/auth/verify", headers: ["X-API-Key": credential])
                #expect(refused.code == "authentication-failed")
            }
            // Second factor and recovery codes.
            let signedIn = await app.signIn(person.email, Self.new)
            #expect(signedIn.status == 200 && signedIn["requires_mfa"] == nil, "\(signedIn)")
            #expect(try await app.count("SELECT COUNT(*) AS count FROM recovery_codes") == 0)
            // Memberships and invitations.
            let elsewhere = await app.call("GET", "/v1/auth/verify", token: partner.token, headers: header)
            #expect(elsewhere.code == "not-a-member")
            #expect(await app.call("GET", "/v1/auth/verify", token: moved).code == "token-expired")
            let returned = try #require(await app.refresh(partner.refreshToken)["access_token"]?.string)
            #expect(
                await app.call("GET", "/v1/auth/verify", token: returned)["organisation_id"]
                    == .string(partner.organisation))
            let accepted = await app.call(
                "POST", "/v1/invitations/acceptance", json: ["token": .string(invitation)], token: guest.token)
            #expect(accepted.code == "invitation-not-found")
            // The change of the address, and the erasure.
            #expect(await app.verify(token: changeLink).code == "proof-used")
            let token = try #require(signedIn["access_token"]?.string)
            #expect(await app.call("GET", "/v1/auth/me", token: token)["email"] == .string(person.email))
            #expect(await app.call("GET", "/v1/user/erasure", token: token)["scheduled"] == false)
            #expect(await app.call("GET", "/v1/organisations", token: token)["organisations"]?.array?.count == 1)
            let members: SQL = "memberships WHERE organisation_id = \(person.organisation)"
            #expect(try await app.count("SELECT COUNT(*) AS count FROM \(members)") == 1)
            #expect(try await app.audited("account.recovered").map(\.subject) == [person.id.text])
            #expect(try await app.audited("account.recovered").first?.details.contains("\"members\":\"1\"") == true)
        }
    }

    @Test(arguments: Engine.available)
    func `a reset of a verified account keeps its second factor and members, and ends its invitations`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let (person, authenticator) = try await app.registerWithMFA()
            let (partner, guest) = (try await app.register("partner"), try await app.register("guest"))
            try await app.join(partner, person.organisation, as: "member", invitedBy: person)
            let invitation = try await app.invite(guest.email, to: person.organisation, as: "member", by: person)
            #expect(await reset(person, app).status == 200)
            #expect(await app.signIn(person.email, Self.new)["requires_mfa"] == true)
            #expect(authenticator.recoveryCodes.count == 10)
            let header = ["X-Organisation": person.organisation]
            #expect(await app.call("GET", "/v1/auth/verify", token: partner.token, headers: header).status == 200)
            let accepted = await app.call(
                "POST", "/v1/invitations/acceptance", json: ["token": .string(invitation)], token: guest.token)
            #expect(accepted.code == "invitation-not-found")
            #expect(try await app.audited("account.recovered").isEmpty)
        }
    }

    @Test(arguments: Engine.available)
    func `a recovery is atomic`(_ engine: Engine) async throws {
        let outage = UnavailableDatabase.Switch()
        try await withTestApp(engine, databaseWrapper: outage.wrap) { app in
            let person = try await app.register()
            _ = await app.makeKey(person, ["*"])
            _ = await app.mfa("setup", person, ["password": .string(person.password)])
            // What only a verified account makes is there before the row is set back.
            try await app.setVerified(false, person)
            let token = try await app.resetChallenge(person).token
            var status = 0
            let count = try await outage.failEachStatement { _ in
                let body: JSONValue = ["token": .string(token), "new_password": .string(Self.new)]
                status = await app.call("POST", "/v1/auth/reset-password", json: body).status
            } check: { _ in
                let left: Int64 = status == 200 ? 0 : 1
                let keys = try await app.count("SELECT COUNT(*) AS count FROM api_keys WHERE revoked_at IS NULL")
                let factors = try await app.count("SELECT COUNT(*) AS count FROM second_factors")
                #expect((keys, factors) == (left, left))
                let audited = try await app.audited("account.recovered").count
                #expect(audited == (status == 200 ? 1 : 0))
            }
            #expect(count >= 15)
            #expect(status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `closing an account frees an address that is not verified, for good`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let registration: JSONValue = [
                "email": "user@example.org", "password": .string(TestApp.password), "username": "testuser",
            ]
            let registered = await app.call("POST", "/v1/auth/register", json: registration)
            let id = try #require(registered["user"]?["id"]?.string.flatMap { ID<Person>($0) })
            #expect(await app.call("POST", "/v1/auth/register", json: registration).code == "account-exists")
            let closed = await app.call(
                "DELETE", "/v1/user/profile?confirm=true", token: registered["access_token"]?.string)
            #expect(closed.json == ["message": "The account is closed", "email": "user@example.org"])
            #expect(await app.signIn("user@example.org", TestApp.password).code == "invalid-credentials")

            // The same address and user name again, and a new password by mail. E-mails are sorted by their time.
            app.clock.advance(by: .milliseconds(2))
            let again = await app.call("POST", "/v1/auth/register", json: registration)
            #expect(again.status == 201, "\(again)")
            #expect(again["user"]?["id"]?.string != id.text)
            let forgot: JSONValue = ["email": "user@example.org"]
            #expect(await app.call("POST", "/v1/auth/forgot-password", json: forgot).status == 200)
            let mailed = try #require(try await app.challenges("reset-password", to: "user@example.org").last)
            let reset = await app.call(
                "POST", "/v1/auth/reset-password",
                json: ["token": .string(mailed.token), "new_password": .string(Self.new)])
            #expect(reset.status == 200)
            #expect(await app.signIn("user@example.org", Self.new).status == 200)
            // Links that were mailed for the closed account are void, and it cannot be reopened.
            let first = try #require(try await app.challenges("verify-email", to: "user@example.org").first)
            #expect(await app.verify(token: first.token).code == "invalid-proof")
            await #expect(throws: Problem.self) { try await app.app.identity.accounts.restore(id) }
            #expect(await app.signIn("user@example.org", Self.new).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `an administrator who closes an account frees an address that is not verified`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator()
            for isVerified in [false, true] {
                let person = try await app.register(isVerified: isVerified)
                let path = "/v1/auth/users/\(person.id)"
                #expect(await app.call("DELETE", path, token: administrator.token).status < 300)
                let registered = await app.call(
                    "POST", "/v1/auth/register",
                    json: ["email": .string(person.email), "password": .string(Self.new)])
                #expect(registered.status == (isVerified ? 409 : 201))
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an address that is not verified gets challenges alone`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator()
            for isVerified in [false, true] {
                // The second factor is set up while the address counts as verified; then the row is set back.
                let (person, authenticator) = try await app.registerWithMFA()
                try await app.setVerified(isVerified, person)
                let before = try await app.mail(to: person.email).count
                try await provokeMails(to: person, authenticator, administrator, app)
                let subjects = try await app.mail(to: person.email).dropFirst(before).map(\.subject)
                #expect(subjects.isEmpty == !isVerified, "\(subjects)")
                #expect(!isVerified || Set(subjects).count == 7, "\(subjects)")
            }
        }
    }

    /// Changes the account in every way of which its owner is notified.
    private func provokeMails(
        to person: TestPerson, _ authenticator: AuthenticatorFixture, _ administrator: TestPerson, _ app: TestApp
    ) async throws {
        func expect(_ status: Int, _ response: TestResponse) { #expect(response.status == status, "\(response)") }
        let password: JSONValue = ["password": .string(person.password)]
        app.clock.advance(by: .minutes(1))
        var credentials = password.object ?? [:]
        credentials["code"] = .string(authenticator.code(app))
        expect(200, await app.mfa("disable", person, .object(credentials)))
        expect(
            200,
            await app.call(
                "POST", "/v1/auth/change-password",
                json: ["current_password": .string(person.password), "new_password": .string(Self.new)],
                token: person.token))
        let change: JSONValue = ["new_email": .string("new-\(person.email)"), "password": .string(Self.new)]
        expect(200, await app.call("POST", "/v1/auth/change-email", json: change, token: person.token))
        expect(202, await app.call("POST", "/v1/user/export", token: person.token))
        try await app.runJobs()
        // Without the e-mail the link of the export is in the response.
        #expect(await app.call("GET", "/v1/user/export", token: person.token)["link"]?.string != nil)
        let erasure: JSONValue = ["password": .string(Self.new)]
        expect(202, await app.call("POST", "/v1/user/erasure", json: erasure, token: person.token))
        expect(200, await app.call("DELETE", "/v1/user/erasure", token: person.token))
        expect(
            201,
            await app.call(
                "POST", "/v1/auth/users/\(person.id)/impersonation",
                json: ["reason": "They cannot find their files"], token: administrator.token))
        expect(200, await app.call("DELETE", "/v1/user/profile?confirm=true", token: person.token))
    }

    @Test(arguments: Engine.available)
    func `registering and closing an account again and again sends five verification e-mails an hour`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            for round in 0..<8 {
                // Spellings of one address are one recipient.
                let email = round.isMultiple(of: 2) ? "victim@example.org" : "Victim@Example.org"
                let registered = await app.call(
                    "POST", "/v1/auth/register",
                    json: ["email": .string(email), "password": .string(TestApp.password)])
                #expect(registered.status == 201, "\(registered)")
                let closed = await app.call(
                    "DELETE", "/v1/user/profile?confirm=true", token: registered["access_token"]?.string)
                #expect(closed.status == 200)
                app.clock.advance(by: .minutes(2))
            }
            let mails = try await app.mail(to: "victim@example.org")
            #expect(mails.count == Challenge.mailsPerHour)
        }
    }

    private func reset(_ person: TestPerson, _ app: TestApp) async -> TestResponse {
        guard let challenge = try? await app.resetChallenge(person) else {
            return await app.call("GET", "/v1/no-challenge-was-mailed")
        }
        let body: JSONValue = ["token": .string(challenge.token), "new_password": .string(Self.new)]
        return await app.call("POST", "/v1/auth/reset-password", json: body)
    }

    /// Signs in with a cookie.
    /// - Returns: the value of `Cookie`.
    private func browserSession(
        of person: TestPerson, _ authenticator: AuthenticatorFixture, _ app: TestApp
    ) async throws -> String {
        // The code of a time step is accepted once.
        app.clock.advance(by: .minutes(1))
        let credentials: JSONValue = [
            "email": .string(person.email), "password": .string(person.password),
            "mfa_code": .string(authenticator.code(app)),
        ]
        let response = await app.call("POST", "/v1/auth/browser-session", json: credentials)
        guard let cookie = response.headers["set-cookie"]?.prefix(while: { $0 != ";" }) else {
            throw UnexpectedResponse(response)
        }
        return String(cookie)
    }
}
