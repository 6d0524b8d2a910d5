import App
import Base
import Modules
import Secrets
import TestKit
import Testing

@testable import Identity

@Suite struct InvitationTests {
    private func accept(_ token: String, _ person: TestPerson, in app: TestApp) async -> TestResponse {
        await app.call("POST", "/v1/invitations/acceptance", json: ["token": .string(token)], token: person.token)
    }

    @Test(arguments: Engine.available)
    func `an invitation is sent by e-mail, stored as a hash, and accepted once`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (owner, guest) = (
                try await app.register("owner"), try await app.register("guest", isVerified: false)
            )
            let id = try await app.organisation(of: owner)
            // Addresses are compared without case, as at registration.
            let token = try await app.invite(guest.email.uppercased(), to: id, as: "admin", by: owner)
            #expect((Base64URL.decode(token)?.count ?? 0) >= 16)
            #expect(try await app.stored("SELECT token_hash AS value FROM invitations") == [Digest.hex(token)])
            let open = await app.call("GET", "/v1/organisations/\(id)/invitations", token: owner.token)
            #expect(open["invitations"]?.array?.map { $0["role"] } == ["admin"])
            #expect(!open.text.contains(token))

            #expect(
                await accept(token, guest, in: app).code == "invitation-for-another", "the address is not verified yet")
            try await app.verifyEmail(of: guest)
            app.clock.advance(by: .milliseconds(2))
            let accepted = await accept(token, guest, in: app)
            #expect(accepted.status == 200)
            #expect(accepted["id"] == .string(id))
            #expect(accepted["role"] == "admin")
            #expect(await accept(token, guest, in: app).code == "invitation-not-found")
            #expect(
                await app.call("GET", "/v1/auth/verify", token: guest.token, headers: ["X-Organisation": id]).status
                    == 200)
            #expect(
                await app.call("GET", "/v1/organisations/\(id)/invitations", token: owner.token)["invitations"] == [])
            #expect(try await app.audited("invitation.sent").map(\.actor) == [owner.id.text])
            #expect(try await app.audited("invitation.accepted").map(\.outcome) == ["refused", "success"])

            let again: JSONValue = ["email": .string(guest.email)]
            let refused = await app.call("POST", "/v1/organisations/\(id)/invitations", json: again, token: owner.token)
            #expect(refused.code == "already-a-member")
        }
    }

    @Test(arguments: Engine.available)
    func `an invitation is refused for another account, and so is a wrong token`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (owner, guest, other) = (
                try await app.register("owner"), try await app.register("guest"), try await app.register("other")
            )
            for person in [guest, other] { try await app.verifyEmail(of: person) }
            let id = try await app.organisation(of: owner)
            let token = try await app.invite(guest.email, to: id, as: "owner", by: owner)
            #expect(await accept(token, other, in: app).code == "invitation-for-another")
            for wrong in [String(token.dropLast()), token + "A", Digest.hex(token), "x"] {
                #expect(await accept(wrong, guest, in: app).code == "invitation-not-found")
            }
            #expect(
                await app.call("POST", "/v1/invitations/acceptance", json: ["token": ""], token: guest.token).code
                    == "validation-failed")
            let members = try await app.count("SELECT COUNT(*) AS count FROM memberships WHERE organisation_id = \(id)")
            #expect(members == 1)
            #expect(await accept(token, guest, in: app).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `an invitation ends after seven days, when it is revoked, and when a newer one is sent`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let (owner, guest) = (try await app.register("owner"), try await app.register("guest"))
            try await app.verifyEmail(of: guest)
            let id = try await app.organisation(of: owner)
            let first = try await app.invite(guest.email, to: id, as: "member", by: owner)
            let second = try await app.invite(guest.email, to: id, as: "member", by: owner)
            #expect(await accept(first, guest, in: app).code == "invitation-not-found")
            let open =
                await app.call("GET", "/v1/organisations/\(id)/invitations", token: owner.token)["invitations"]?.array
                ?? []
            #expect(open.count == 1)
            let invitation = try #require(open.first?["id"]?.string)
            let otherOrganisation = try await app.organisation(of: guest)
            #expect(
                await app.call(
                    "DELETE", "/v1/organisations/\(otherOrganisation)/invitations/\(invitation)", token: guest.token
                )
                .status == 404)
            #expect(
                await app.call("DELETE", "/v1/organisations/\(id)/invitations/\(invitation)", token: owner.token).status
                    == 204)
            #expect(
                await app.call("DELETE", "/v1/organisations/\(id)/invitations/\(invitation)", token: owner.token).status
                    == 404)
            #expect(await accept(second, guest, in: app).code == "invitation-not-found")
            #expect(try await app.audited("invitation.revoked").map(\.subject) == [invitation])

            let third = try await app.invite(guest.email, to: id, as: "member", by: owner)
            app.clock.advance(by: Invitation.lifetime)
            let token = try #require(await app.signIn(guest)["access_token"]?.string)
            let late = await app.call(
                "POST", "/v1/invitations/acceptance", json: ["token": .string(third)], token: token)
            #expect(late.code == "invitation-not-found")
            app.clock.advance(by: CredentialPruningJob.invitationsKept + .days(1))
            try await app.prune()
            #expect(try await app.count("SELECT COUNT(*) AS count FROM invitations") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `an invitation is invalid once its sender may no longer invite`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (owner, admin, guest) = (
                try await app.register("owner"), try await app.register("admin"), try await app.register("guest")
            )
            try await app.verifyEmail(of: guest)
            let id = try await app.organisation(of: owner)
            try await app.join(admin, id, as: "admin", invitedBy: owner)
            let token = try await app.invite(guest.email, to: id, as: "member", by: admin)
            #expect(
                await app.call("DELETE", "/v1/organisations/\(id)/members/\(admin.id)", token: owner.token).status
                    == 204)
            #expect(await accept(token, guest, in: app).code == "invitation-not-found")
        }
    }

    @Test(arguments: Engine.available)
    func `two concurrent acceptances of one invitation create one membership`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (owner, guest) = (try await app.register("owner"), try await app.register("guest"))
            try await app.verifyEmail(of: guest)
            let token = try await app.invite(
                guest.email, to: try await app.organisation(of: owner), as: "member", by: owner)
            async let first = accept(token, guest, in: app)
            async let second = accept(token, guest, in: app)
            #expect(await [first.status, second.status].sorted() == [200, 404])
            #expect(try await app.audited("invitation.accepted").count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `the number of invitations a day is bounded`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let owner = try await app.register("owner")
            let path = "/v1/organisations/\(try await app.organisation(of: owner))/invitations"
            for number in 0..<OrganisationLimits.invitationsPerDay {
                #expect(
                    await app.call("POST", path, json: ["email": .string("a\(number)@example.org")], token: owner.token)
                        .status == 201)
            }
            let refused = await app.call("POST", path, json: ["email": "one-more@example.org"], token: owner.token)
            #expect(refused.status == 429)
            #expect(refused.code == "too-many-invitations")
            #expect(refused.headers["retry-after"] != nil)
            #expect(refused["detail"]?.string?.hasPrefix("The organisation has sent 100 invitations") == true)
            for email in ["no-domain", "a@b", "", "a b@example.org"] {
                let response = await app.call("POST", path, json: ["email": .string(email)], token: owner.token)
                #expect(response.pointers == ["/email"])
            }
        }
    }

    @Test(arguments: Engine.available)
    func `invitations to one recipient are bounded for concurrent senders, and for its sub-addresses`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            func send(_ email: String, by person: TestPerson) async -> Int {
                await app.call(
                    "POST", "/v1/organisations/\(person.organisation)/invitations", json: ["email": .string(email)],
                    token: person.token
                ).status
            }
            let limit = Int(OrganisationLimits.invitationsPerRecipientAndDay)
            var senders: [TestPerson] = []
            for _ in 0...limit { senders.append(try await app.register("sender")) }
            let statuses = await withTaskGroup(of: Int.self) { group in
                for sender in senders {
                    for turn in 0..<2 { group.addTask { await send("victim+\(turn)@example.org", by: sender) } }
                }
                return await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses.filter { $0 == 201 }.count == limit, "\(statuses)")
            #expect(statuses.filter { $0 == 429 }.count == senders.count * 2 - limit)
            for spelling in ["victim@example.org", "Victim+another@EXAMPLE.org", "victim+a+b@example.org"] {
                #expect(await send(spelling, by: senders[0]) == 429, "\(spelling)")
            }
            for other in ["+@example.org", "victim.a@example.org", "victim@other.example.org"] {
                #expect(await send(other, by: senders[0]) == 201, "\(other)")
            }
            #expect(try await app.count("SELECT COUNT(*) AS count FROM invitations") == Int64(limit + 3))
        }
    }

    @Test(arguments: Engine.available)
    func `the invitations of a person and to a recipient are bounded across organisations, also deleted ones`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let (owner, other) = (try await app.register("owner"), try await app.register("other"))
            func send(_ email: String, by person: TestPerson, to organisation: String) async -> TestResponse {
                await app.call(
                    "POST", "/v1/organisations/\(organisation)/invitations", json: ["email": .string(email)],
                    token: person.token)
            }
            // Each invitation from an organisation of its own, which is deleted at once.
            for number in 0..<OrganisationLimits.invitationsPerRecipientAndDay {
                let id = try await app.organisation(of: owner)
                let email = number.isMultiple(of: 2) ? "victim@example.org" : "VICTIM@example.org"
                #expect(await send(email, by: owner, to: id).status == 201)
                #expect(await app.call("DELETE", "/v1/organisations/\(id)", token: owner.token).status == 204)
            }
            let tokens = try await app.mail(to: "victim@example.org").compactMap(\.token)
            #expect(tokens.count == Int(OrganisationLimits.invitationsPerRecipientAndDay))
            for sender in [owner, other] {
                let refused = await send("victim@example.org", by: sender, to: sender.organisation)
                #expect(refused.status == 429 && refused.code == "too-many-invitations")
                #expect(refused["detail"]?.string?.hasPrefix("This address was sent 10 invitations") == true)
                #expect(refused.headers["retry-after"] != nil)
            }
            // The organisations are deleted, and their invitations are void.
            let guest: JSONValue = ["token": .string(try #require(tokens.first))]
            let accepted = await app.call("POST", "/v1/invitations/acceptance", json: guest, token: other.token)
            #expect(accepted.code == "invitation-not-found")

            let left = OrganisationLimits.invitationsPerPersonAndDay - OrganisationLimits.invitationsPerRecipientAndDay
            let (first, second) = (try await app.organisation(of: owner), try await app.organisation(of: owner))
            for number in 0..<left {
                let id = number.isMultiple(of: 2) ? first : second
                #expect(await send("a\(number)@example.org", by: owner, to: id).status == 201)
            }
            for id in [first, second, owner.organisation] {
                let refused = await send("one-more@example.org", by: owner, to: id)
                #expect(refused.status == 429 && refused.code == "too-many-invitations")
                #expect(refused["detail"]?.string?.hasPrefix("You have sent 100 invitations") == true)
            }
            #expect(try await app.mail(to: "one-more@example.org").isEmpty)
            #expect(await send("one-more@example.org", by: other, to: other.organisation).status == 201)
            // The limits are those of 24 hours.
            app.clock.advance(by: .hours(24))
            let token = try #require(await app.signIn(owner)["access_token"]?.string)
            let later = await app.call(
                "POST", "/v1/organisations/\(first)/invitations", json: ["email": "victim@example.org"], token: token)
            #expect(later.status == 201, "\(later)")
        }
    }
}
