import App
import Base
import HTTPTypes
import Modules
import Secrets
import TestKit
import Testing

@testable import Identity

@Suite struct OrganisationTests {
    @Test(arguments: Engine.available)
    func `an account creates, lists and renames its organisations`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (owner, other) = (try await app.register(), try await app.register("other"))
            app.clock.advance(by: .milliseconds(2))
            let created = await app.call(
                "POST", "/v1/organisations", json: ["name": "  Test Organisation "], token: owner.token)
            #expect(created.status == 201)
            #expect(created["name"] == "Test Organisation")
            #expect(created["role"] == "owner")
            #expect(created["is_personal"] == false)
            let id = try #require(created["id"]?.string)
            let list = await app.call("GET", "/v1/organisations", token: owner.token)["organisations"]?.array ?? []
            #expect(list.map { $0["id"]?.string } == [owner.organisation, id])
            #expect(list.map { $0["is_personal"] } == [true, false])

            let renamed = await app.call(
                "PUT", "/v1/organisations/\(id)", json: ["name": "Renamed"], token: owner.token)
            #expect(renamed["name"] == "Renamed")
            #expect(await app.call("GET", "/v1/organisations/\(id)", token: owner.token)["name"] == "Renamed")
            for (method, path) in [
                ("GET", ""), ("GET", "/members"), ("PUT", ""), ("DELETE", ""), ("DELETE", "/members/me"),
                ("GET", "/invitations"),
            ] {
                let json: JSONValue? = method == "PUT" ? ["name": "changed"] : nil
                let response = await app.call(
                    method, "/v1/organisations/\(id)\(path)", json: json, token: other.token)
                #expect(response.code == "not-found", "\(method) \(path): \(response)")
            }
            for name in ["", "   ", "a\nb", "\u{202E}x"] {
                #expect(
                    await app.call("POST", "/v1/organisations", json: ["name": .string(name)], token: owner.token)
                        .pointers == ["/name"])
            }
            #expect(try await app.audited("organisation.created").map(\.subject) == [id])
            #expect(try await app.audited("organisation.renamed").map(\.actor) == [owner.id.text])
        }
    }

    @Test(arguments: Engine.available)
    func `X-Organisation selects the organisation of a request, which requires membership`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let (owner, other) = (try await app.register(), try await app.register("other"))
            let id = try await app.organisation(of: owner)
            let switched = await app.call(
                "GET", "/v1/auth/verify", token: owner.token, headers: ["X-Organisation": id.uppercased()])
            #expect(switched["organisation_id"] == .string(id))
            #expect(
                await app.call("GET", "/v1/auth/verify", token: owner.token)["organisation_id"]
                    == .string(owner.organisation))
            // The response is the same for an organisation of others, an unknown one and an invalid id.
            let refusals = [id, "00000000-0000-7000-8000-00000000dead", "nonsense", ""]
            for header in refusals {
                let response = await app.call(
                    "GET", "/v1/auth/verify", token: other.token,
                    headers: ["X-Organisation": header, "X-Request-ID": "request-one"])
                #expect(response.status == 403)
                #expect(response.code == "not-a-member")
                #expect(response["detail"] == "You do not belong to this organisation")
            }
            // An API key is bound to one organisation.
            let key = try #require(
                await app.makeKey(owner, ["identity.read"], headers: ["X-Organisation": id])["api_key"]?.string)
            #expect(
                await app.call("GET", "/v1/auth/verify", headers: ["X-API-Key": key])["organisation_id"] == .string(id))
            let otherOrganisation = await app.call(
                "GET", "/v1/auth/verify", headers: ["X-API-Key": key, "X-Organisation": owner.organisation])
            #expect(otherOrganisation.code == "not-a-member")
            #expect(await app.call("GET", "/v1/organisations/\(id)", headers: ["X-API-Key": key]).status == 200)
            #expect(
                await app.call("GET", "/v1/organisations/\(owner.organisation)", headers: ["X-API-Key": key]).status
                    == 404)
        }
    }

    @Test(arguments: Engine.available)
    func `switching the organisation applies to the session, its tokens and its refreshed tokens`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let (owner, other) = (try await app.register(), try await app.register("other"))
            let id = try await app.organisation(of: owner)
            let switched = await app.call(
                "POST", "/v1/auth/switch-organisation", json: ["organisation_id": .string(id)], token: owner.token)
            #expect(switched.status == 200)
            let token = try #require(switched["access_token"]?.string)
            #expect(await app.call("GET", "/v1/auth/verify", token: token)["organisation_id"] == .string(id))
            #expect(try TamperedToken(of: token).claims["csrf"] == switched["csrf_token"])
            let refreshed = try #require(await app.refresh(owner.refreshToken)["access_token"]?.string)
            #expect(await app.call("GET", "/v1/auth/verify", token: refreshed)["organisation_id"] == .string(id))
            #expect(try await app.audited("session.moved").count == 1)
            let refused = await app.call(
                "POST", "/v1/auth/switch-organisation", json: ["organisation_id": .string(id)], token: other.token)
            #expect(refused.code == "not-a-member")
            let sessions = try await app.count("SELECT COUNT(*) AS count FROM sessions WHERE organisation_id = \(id)")
            #expect(sessions == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `removing a member takes effect at once on this node and within a second on others`(_ engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let (owner, guest) = (try await app.register("owner"), try await app.register("guest"))
            let id = try await app.organisation(of: owner)
            try await app.join(guest, id, as: "member", invitedBy: owner)
            let header = ["X-Organisation": id]
            let key = try #require(await app.makeKey(guest, ["*"], headers: header)["api_key"]?.string)
            let own = try #require(await app.makeKey(guest, ["*"])["api_key"]?.string)
            let body: JSONValue = ["organisation_id": .string(id)]
            let token = try #require(
                await app.call("POST", "/v1/auth/switch-organisation", json: body, token: guest.token)["access_token"]?
                    .string)
            try await app.withSecondProcess { second in
                #expect(await second.call("GET", "/v1/auth/verify", token: token)["organisation_id"] == .string(id))
                #expect(await second.call("GET", "/v1/auth/verify", headers: ["X-API-Key": key]).status == 200)
                #expect(
                    await app.call("DELETE", "/v1/organisations/\(id)/members/\(guest.id)", token: owner.token).status
                        == 204)
                for node in [app, second] {
                    #expect(await node.call("GET", "/v1/auth/verify", token: token).code == "token-expired")
                    #expect(
                        await node.call("GET", "/v1/auth/verify", token: guest.token, headers: header).code
                            == "not-a-member")
                    #expect(
                        await node.call("GET", "/v1/auth/verify", headers: ["X-API-Key": key]).code
                            == "authentication-failed")
                    #expect(await node.call("GET", "/v1/auth/verify", headers: ["X-API-Key": own]).status == 200)
                    #expect(await node.call("GET", "/v1/auth/verify", token: guest.token).status == 200)
                    app.clock.advance(by: .milliseconds(500))
                }
            }
            // The session continues in the personal organisation.
            let refreshed = try #require(await app.refresh(guest.refreshToken)["access_token"]?.string)
            #expect(
                await app.call("GET", "/v1/auth/verify", token: refreshed)["organisation_id"]
                    == .string(guest.organisation))
            #expect(try await app.audited("membership.removed").map(\.subject) == [guest.id.text])
            // Joining again does not restore the key.
            try await app.join(guest, id, as: "member", invitedBy: owner)
            #expect(await app.call("GET", "/v1/auth/verify", headers: ["X-API-Key": key]).status == 401)
        }
    }

    @Test(arguments: Engine.available)
    func `each role has its permissions and no others`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let owner = try await app.register("owner")
            let id = try await app.organisation(of: owner)
            let (admin, other, member) = (
                try await app.register("admin"), try await app.register("other"), try await app.register("member")
            )
            for (person, role) in [(admin, "admin"), (other, "admin"), (member, "member")] {
                try await app.join(person, id, as: role, invitedBy: owner)
            }
            let path = "/v1/organisations/\(id)"
            func code(_ method: String, _ rest: String, _ json: JSONValue? = nil, _ person: TestPerson) async -> String?
            {
                let response = await app.call(method, path + rest, json: json, token: person.token)
                return response.code ?? "\(response.status)"
            }
            let page = await app.call("GET", path + "/members?limit=2&offset=1", token: member.token)
            #expect(page["total"] == 4)
            #expect(page["members"]?.array?.map { $0["user_id"]?.string } == [admin.id.text, other.id.text])

            #expect(await code("PUT", "", ["name": "x"], member) == "insufficient-role")
            #expect(await code("GET", "/invitations", nil, member) == "insufficient-role")
            #expect(await code("POST", "/invitations", ["email": "a@example.org"], member) == "insufficient-role")
            #expect(await code("DELETE", "/members/\(admin.id)", nil, member) == "insufficient-role")
            // One row a minute for each requirement; further refusals are counted in the next row.
            let audited = try await app.audited("access.refused")
            #expect(
                audited.map(\.actor) == [member.id.text]
                    && audited[0].details.contains("organisation role owner|admin"),
                "\(audited)")
            let rows = try await app.count(
                "SELECT COUNT(*) AS count FROM audit_events WHERE action = 'access.refused' AND organisation_id = \(id)"
            )
            #expect(rows == 1)
            #expect(await code("PUT", "", ["name": "x"], admin) == "200")
            #expect(await code("POST", "/invitations", ["email": "a@example.org"], admin) == "201")
            for role in ["admin", "owner"] {
                #expect(
                    await code("POST", "/invitations", ["email": "b@example.org", "role": .string(role)], admin)
                        == "insufficient-role")
            }
            #expect(await code("PUT", "/members/\(member.id)", ["role": "admin"], admin) == "insufficient-role")
            #expect(await code("PUT", "/members/\(admin.id)", ["role": "owner"], admin) == "insufficient-role")
            #expect(await code("DELETE", "/members/\(other.id)", nil, admin) == "insufficient-role")
            #expect(await code("DELETE", "/members/\(owner.id)", nil, admin) == "insufficient-role")
            #expect(await code("DELETE", "", nil, admin) == "insufficient-role")
            #expect(await code("DELETE", "/members/\(member.id)", nil, admin) == "204")
            #expect(await code("DELETE", "/members/\(member.id)", nil, admin) == "not-found")
            #expect(await code("PUT", "/members/\(member.id)", ["role": "admin"], owner) == "not-found")
            #expect(await code("PUT", "/members/\(other.id)", ["role": "member"], owner) == "200")
            #expect(await code("DELETE", "/members/\(other.id)", nil, admin) == "204")
            #expect(await code("DELETE", "/members/me", nil, admin) == "204")
            #expect(await code("GET", "", nil, admin) == "not-found")
            #expect(try await app.audited("membership.changed").map(\.subject) == [other.id.text])
            #expect(try await app.audited("membership.left").map(\.actor) == [admin.id.text])

            // Payments of an organisation require the role owner or admin.
            try await app.join(member, id, as: "member", invitedBy: owner)
            let header = ["X-Organisation": id]
            #expect(
                await app.call(
                    "POST", "/v1/payments/subscribe", json: ["plan": "free"], token: member.token, headers: header
                ).code == "insufficient-role")
            #expect(
                await app.call(
                    "POST", "/v1/payments/subscribe", json: ["plan": "free"], token: owner.token, headers: header
                ).status == 201)
            #expect(await app.call("GET", "/v1/usage", token: member.token, headers: header)["plan"] == "Free")
        }
    }

    @Test(arguments: Engine.available)
    func `an organisation keeps an owner when two owners leave concurrently`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (first, second) = (try await app.register("first"), try await app.register("second"))
            #expect(
                await app.call("DELETE", "/v1/organisations/\(first.organisation)/members/me", token: first.token).code
                    == "last-owner")
            for round in 0..<6 {
                let id = try await app.organisation(of: first)
                let path = "/v1/organisations/\(id)/members"
                #expect(await app.call("DELETE", path + "/me", token: first.token).code == "last-owner")
                #expect(
                    await app.call("PUT", "\(path)/\(first.id)", json: ["role": "member"], token: first.token).code
                        == "last-owner")
                try await app.join(second, id, as: "owner", invitedBy: first)
                // Both leave, both give up the role, or each removes the other.
                func leave(_ person: TestPerson, _ other: TestPerson) async -> TestResponse {
                    switch round % 3 {
                    case 0: await app.call("DELETE", path + "/me", token: person.token)
                    case 1: await app.call("PUT", "\(path)/\(person.id)", json: ["role": "member"], token: person.token)
                    default: await app.call("DELETE", "\(path)/\(other.id)", token: person.token)
                    }
                }
                async let one = leave(first, second)
                async let two = leave(second, first)
                let statuses = await [one.status, two.status].sorted()
                #expect(statuses[0] < 300 && statuses[1] >= 400, "\(statuses)")
                let owners = try await app.count(
                    "SELECT COUNT(*) AS count FROM memberships WHERE organisation_id = \(id) AND role = 'owner'")
                #expect(owners == 1)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `an account stays owner of its personal organisation, also beside another owner`(_ engine: Engine) async throws
    {
        try await withTestApp(engine) { app in
            let (person, partner) = (try await app.register("person"), try await app.register("partner"))
            try await app.join(partner, person.organisation, as: "owner", invitedBy: person)
            let path = "/v1/organisations/\(person.organisation)"
            #expect(await app.call("DELETE", path + "/members/me", token: person.token).code == "last-owner")
            #expect(await app.call("DELETE", "\(path)/members/\(person.id)", token: partner.token).code == "last-owner")
            #expect(
                await app.call("PUT", "\(path)/members/\(person.id)", json: ["role": "member"], token: partner.token)
                    .code == "last-owner")
            #expect(await app.call("DELETE", path, token: person.token).code == "organisation-in-use")
            #expect(await app.call("DELETE", path + "/members/me", token: partner.token).status == 204)
            #expect(await app.call("DELETE", path, token: person.token).code == "organisation-in-use")
            #expect(await app.call("GET", "/v1/auth/verify", token: person.token).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `an organisation without members and data can be deleted`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (owner, guest) = (try await app.register(), try await app.register("guest"))
            let (empty, used) = (try await app.organisation(of: owner), try await app.organisation(of: owner))
            _ = await app.call(
                "POST", "/v1/payments/subscribe", json: ["plan": "free"], token: owner.token,
                headers: ["X-Organisation": used])
            #expect(
                await app.call("DELETE", "/v1/organisations/\(used)", token: owner.token).code == "organisation-in-use")
            try await app.join(guest, empty, as: "member", invitedBy: owner)
            #expect(
                await app.call("DELETE", "/v1/organisations/\(empty)", token: owner.token).code == "organisation-in-use"
            )
            #expect(await app.call("DELETE", "/v1/organisations/\(empty)/members/me", token: guest.token).status == 204)
            _ = await app.makeKey(owner, ["*"], headers: ["X-Organisation": empty])
            #expect(await app.call("DELETE", "/v1/organisations/\(empty)", token: owner.token).status == 204)
            #expect(await app.call("GET", "/v1/organisations/\(empty)", token: owner.token).status == 404)
            #expect(await app.call("GET", "/v1/auth/verify", token: owner.token).status == 200)
            #expect(try await app.audited("organisation.deleted").map(\.subject) == [empty])
            for table: SQL in ["api_keys", "invitations", "memberships", "sessions"] {
                #expect(
                    try await app.count("SELECT COUNT(*) AS count FROM \(table) WHERE organisation_id = \(empty)") == 0)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `the number of organisations of an account is bounded`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.register()
            for _ in 2..<OrganisationLimits.perPerson { _ = try await app.organisation(of: person) }
            async let first = app.call("POST", "/v1/organisations", json: ["name": "one"], token: person.token)
            async let second = app.call("POST", "/v1/organisations", json: ["name": "two"], token: person.token)
            #expect(await [first.status, second.status].sorted() == [201, 409])
            #expect(
                await app.call("POST", "/v1/organisations", json: ["name": "three"], token: person.token).code
                    == "too-many-organisations")
            let count = try await app.count("SELECT COUNT(*) AS count FROM memberships WHERE person_id = \(person.id)")
            #expect(count == OrganisationLimits.perPerson)
        }
    }
}

extension TestApp {
    /// Creates an organisation that `owner` owns.
    /// - Returns: its id.
    func organisation(of owner: TestPerson) async throws -> String {
        let response = await call(
            "POST", "/v1/organisations", json: ["name": "Second organisation"], token: owner.token)
        guard let id = response["id"]?.string else { throw UnexpectedResponse(response) }
        return id
    }

    /// Marks the e-mail address of an account as verified.
    func verifyEmail(of person: TestPerson) async throws { try await setVerified(true, person) }

    func invite(_ email: String, to organisation: String, as role: String, by inviter: TestPerson) async throws
        -> String
    {
        // E-mails are sorted by their creation time in milliseconds.
        clock.advance(by: .milliseconds(2))
        let body: JSONValue = ["email": .string(email), "role": .string(role)]
        let response = await call(
            "POST", "/v1/organisations/\(organisation)/invitations", json: body, token: inviter.token)
        guard response.status == 201, let token = try await mail(to: email).last?.token else {
            throw UnexpectedResponse(response)
        }
        return token
    }

    /// Adds a member by an invitation and its acceptance.
    func join(_ person: TestPerson, _ organisation: String, as role: String, invitedBy inviter: TestPerson) async throws
    {
        try await verifyEmail(of: person)
        let token = try await invite(person.email, to: organisation, as: role, by: inviter)
        let response = await call(
            "POST", "/v1/invitations/acceptance", json: ["token": .string(token)], token: person.token)
        guard response.status == 200 else { throw UnexpectedResponse(response) }
    }

    /// The scope that the gate derives from the credential.
    func scope(headers: [String: String]) async throws -> Scope {
        var fields: HTTPFields = [:]
        for (name, value) in headers { if let name = HTTPField.Name(name) { fields[name] = value } }
        return try await app.identity.member.scope(
            of: Request(
                method: .get, path: "/", headers: fields, requestID: "a-test-request", address: "192.0.2.1",
                received: clock.now))
    }
}
