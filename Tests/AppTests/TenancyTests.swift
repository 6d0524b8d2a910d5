import App
import Base
import HTTPTypes
import Identity
import Modules
import Storage
import TestKit
import Testing

/// The resources of one organisation can be neither read nor changed by another one that has their ids.
@Suite struct TenancyTests {
    private static let session = "session_1_owned"

    /// A valid body for each endpoint, so that the ownership check refuses the call and not the validation.
    private static func body(for path: String, session: String) -> JSONValue? {
        let rows: JSONValue = [[1.0, 2.0], [3.0, 4.0]]
        return switch path.split(separator: "/").dropFirst(2).first {
        case "session-name-change": ["sessionId": .string(session), "sessionName": "changed name"]
        case "finalize-session": ["sessionId": .string(session)]
        case "save-time-info": ["sessionId": .string(session), "timeInfo": [:]]
        case "save-zeitschritte":
            [
                "sessionId": .string(session),
                "zeitschritte": ["eingabe": 1, "ausgabe": 1, "zeitschrittweite": 60, "offset": 0],
            ]
        case "train-models": ["model_parameters": ["MODE": "LIN"]]
        case "generate-datasets": [:]
        case "generate-plot": ["sessionId": .string(session)]
        case "scale-data": ["input_data": rows]
        case "predict": ["input_data": rows]
        case "csv-files": ["bezeichnung": "changed name"]
        default: nil
        }
    }

    @Test(arguments: Engine.available)
    func `training resources of another organisation are neither found, read nor changed`(_ engine: Engine) async throws
    {
        try await withTestApp(engine) { app in
            let (owner, other) = (
                try await app.subscriber("pro", "owner"), try await app.subscriber("pro", "other")
            )
            let created = await app.call(
                "POST", "/v1/training/init-session", json: ["sessionId": .string(Self.session)], token: owner.token)
            let uuid = try #require(created["sessionUuid"]?.string)
            let csv = Array(
                (["UTC;value"] + (0..<50).map { "\(Instant(seconds: 1_262_304_000 + Int64($0) * 3_600));\($0 % 24)" })
                    .joined(separator: "\n").utf8)
            let form = multipart(
                [("metadata", "{\"sessionId\":\"\(Self.session)\",\"fileName\":\"a.csv\",\"type\":\"input\"}")],
                file: ("file", "a.csv", csv))
            let uploaded = await app.call("POST", "/v1/training/instant-upload", body: form, token: owner.token)
            #expect(uploaded.status == 201, "\(uploaded)")
            let file = try #require(uploaded["file"]?["id"]?.string)
            func state() async throws -> [String] {
                try await app.app.database.read { transaction in
                    try transaction.all("SELECT * FROM training_sessions ORDER BY id").map { "\($0)" }
                        + transaction.all("SELECT * FROM training_files ORDER BY id").map { "\($0)" }
                }
            }
            let before = try await state()
            var refused = 0
            for route in app.app.routes
            where route.path.hasPrefix("/v1/training/") && route.gate.allSatisfy({ $0.kind != .body }) {
                for id in [Self.session, uuid, uuid.uppercased(), file] {
                    let body = route.input == nil ? nil : Self.body(for: route.path, session: id) ?? [:]
                    let path = route.path.replacing(/\{[^}]*\}/, with: id)
                    let response = await app.call(
                        route.method.rawValue, path, json: body, token: other.token,
                        headers: ["Prefer": "respond-async"])
                    #expect(response.status < 500, "\(path)")
                    if route.path.contains("{") || Self.body(for: route.path, session: id) != nil {
                        #expect(response.status == 404, "\(route.method) \(path): \(response)")
                        refused += 1
                    }
                    for secret in [uuid, file, "a.csv", owner.organisation, owner.email]
                    where !path.contains(secret) && body?["sessionId"] != .string(secret) {
                        #expect(!response.text.contains(secret), "\(route.method) \(path): \(response)")
                    }
                }
            }
            #expect(refused > 60)
            #expect(try await state() == before)

            // An upload to the session is refused and stores nothing.
            let upload = await app.call("POST", "/v1/training/instant-upload", body: form, token: other.token)
            #expect(upload.status == 404, "\(upload)")
            #expect(try await state() == before)
            // The same session id in another organisation is another session.
            let own = await app.call(
                "POST", "/v1/training/init-session", json: ["sessionId": .string(Self.session)], token: other.token)
            #expect(own["sessionUuid"]?.string != nil)
            #expect(own["sessionUuid"]?.string != uuid)
            let list = await app.call("GET", "/v1/training/csv-files/\(Self.session)", token: other.token)
            #expect(list["files"] == [])
            #expect(await app.call("GET", "/v1/usage", token: other.token)["meters"]?["uploads"]?["used"] == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `no endpoint lets an organisation see, change or count the resources of another one`(
        _ engine: Engine
    ) async throws {
        try await withTestApp(engine) { app in
            let (owner, other) = (
                try await app.subscriber("pro", "owner"), try await app.subscriber("pro", "other")
            )
            let resources = try await OrganisationResources(of: owner, in: app)
            let own = try await OrganisationResources(of: other, in: app)
            let key = try await app.apiKey(of: other, ["*"])

            // Changes in one organisation do not change what the other one reads.
            // The first time also records what the role refuses, which the account's activity shows.
            _ = await Self.readAll(app, other.token)
            let seen = await Self.readAll(app, other.token)
            try await OrganisationResources.grow(owner, in: app)
            let differences = await Self.readAll(app, other.token).filter { seen[$0.key] != $0.value }
            #expect(differences.isEmpty, "\(differences.keys)")
            #expect(seen.count > 5)

            let before = try await resources.rows(in: app)
            #expect(before.count > 10)
            var refused = 0
            let tokens = AccessTokens(app)
            for route in app.app.routes where route.requiresAccount && route.gate.allSatisfy({ $0.kind != .body }) {
                for headers in [
                    ["Authorization": "Bearer \(try await tokens.token(of: other))"], ["X-API-Key": key.text],
                ] {
                    for (path, ids) in Self.paths(of: route, resources, beside: own) {
                        let body = route.input == nil ? nil : Self.body(for: route, resources)
                        let response = await app.call(route.method.rawValue, path, json: body, headers: headers)
                        func comment() -> Comment { "\(route.method) \(path): \(response)" }
                        #expect(response.status < 500 || response.code == "not-configured", comment())
                        #expect(response.code != "token-expired", comment())
                        // A call that succeeds may end sessions: the next route uses a new session.
                        if route.method != .get, response.status < 400 { tokens.invalidate(other) }
                        // A type of events is a word, of which there may be no templates.
                        if !ids.isEmpty, !route.path.hasSuffix("by-type/{type}"), response.status != 503 {
                            #expect(400..<500 ~= response.status, comment())
                            refused += 1
                        }
                        for secret in resources.ids + [owner.email] where !ids.contains(secret) {
                            #expect(!response.text.contains(secret), comment())
                        }
                    }
                }
            }
            #expect(refused > 300)
            #expect(try await resources.rows(in: app) == before)
        }
    }

    /// The successful responses of every GET endpoint without an id in its path.
    private static func readAll(_ app: TestApp, _ token: String) async -> [String: String] {
        var seen: [String: String] = [:]
        for route in app.app.routes where route.method == .get && route.requiresAccount && !route.path.contains("{") {
            let response = await app.call("GET", route.path, token: token)
            if response.status == 200 { seen[route.path] = response.text }
        }
        return seen
    }

    /// The paths of a route with each id of `resources`; a second id also under an organisation of `own`.
    /// - Returns: each path with the ids of `resources` in it.
    private static func paths(of route: Route, _ resources: OrganisationResources, beside own: OrganisationResources)
        -> [(
            path: String, ids: [String]
        )]
    {
        let count = route.path.count { $0 == "{" }
        guard count > 0 else { return [(route.path, [])] }
        return resources.ids.flatMap { id in
            let firsts = count == 1 ? [id] : [resources.organisation, own.organisation]
            return firsts.map { first in
                let path = route.path.replacing(/\{[^}]*\}/, with: first, maxReplacements: 1).replacing(
                    /\{[^}]*\}/, with: id)
                return (path, [first, id].filter(resources.ids.contains))
            }
        }
    }

    private static func body(for route: Route, _ resources: OrganisationResources) -> JSONValue {
        switch route.path {
        case "/v1/organisations/{id}": ["name": "changed name"]
        case "/v1/organisations/{id}/invitations": ["email": "intruder@example.org", "role": "owner"]
        case "/v1/organisations/{id}/members/{user_id}": ["role": "member"]
        case "/v1/auth/switch-organisation": ["organisation_id": .string(resources.organisation)]
        case "/v1/payments/subscriptions/{user_id}/adjust": ["plan": "free"]
        default: body(for: route.path, session: resources.session) ?? [:]
        }
    }

    @Test func `only an administrator changes the plan of an account, its own included`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.subscriber("free")
            for target in [person.id.text, try await app.register().id.text] {
                let response = await app.call(
                    "POST", "/v1/payments/subscriptions/\(target)/adjust", json: ["plan": "enterprise"],
                    token: person.token)
                #expect(response.code == "insufficient-role")
            }
            #expect(
                await app.call("POST", "/v1/payments/subscribe", json: ["plan": "enterprise"], token: person.token).code
                    == "payment-required")
            #expect(await app.call("GET", "/v1/usage", token: person.token)["plan"] == "Free")
        }
    }
}

/// One resource of each kind that an organisation can have.
private struct OrganisationResources: Sendable {
    /// An organisation that is not the personal one.
    let organisation: String
    let session: String
    /// The ids that no other organisation may read, including the ones above.
    let ids: [String]

    init(of person: TestPerson, in app: TestApp) async throws {
        func id(_ name: String, _ response: TestResponse) throws -> String {
            guard let id = response[name]?.string else { throw UnexpectedResponse(response) }
            return id
        }
        organisation = try id(
            "id", await app.call("POST", "/v1/organisations", json: ["name": "Harbour Works"], token: person.token))
        session = try id(
            "sessionUuid",
            await app.call("POST", "/v1/training/init-session", json: ["sessionId": "session_1"], token: person.token))
        let uploaded = await app.call(
            "POST", "/v1/training/instant-upload", body: Self.upload("session_1"), token: person.token)
        guard let file = uploaded["file"]?["id"]?.string else { throw UnexpectedResponse(uploaded) }
        let invitation = try id(
            "id",
            await app.call(
                "POST", "/v1/organisations/\(organisation)/invitations", json: ["email": "guest@example.org"],
                token: person.token))
        let key = try await app.apiKey(of: person, ["training"])
        ids = [person.organisation, organisation, person.id.text, session, file, invitation, key.id]
    }

    /// Adds more resources of each kind.
    static func grow(_ person: TestPerson, in app: TestApp) async throws {
        _ = try await app.apiKey(of: person, ["training"])
        for (path, json) in [
            ("organisations", ["name": "Second organisation"]), ("training/init-session", ["sessionId": "session_2"]),
            ("auth/login", nil),
        ] as [(String, JSONValue?)] {
            let credentials: JSONValue = ["email": .string(person.email), "password": .string(person.password)]
            let response = await app.call("POST", "/v1/" + path, json: json ?? credentials, token: person.token)
            guard response.status < 300 else { throw UnexpectedResponse(response) }
        }
        let uploaded = await app.call(
            "POST", "/v1/training/instant-upload", body: upload("session_2"), token: person.token)
        guard uploaded.status == 201 else { throw UnexpectedResponse(uploaded) }
    }

    /// Every row that contains one of ``ids``, except in audit tables: refused calls are recorded there.
    func rows(in app: TestApp) async throws -> [String] {
        try await app.app.database.read { [ids] transaction in
            let tables: SQL =
                transaction.dialect == .sqlite
                // An index of texts has tables of its own, with bytes.
                ? """
                SELECT name FROM sqlite_master
                WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '%~_text~_%' ESCAPE '~'
                """
                : "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = current_schema()"
            let names = try transaction.all(tables) { row in try row.read("name", as: String.self) }.filter {
                !$0.hasPrefix("audit")
            }
            return try names.flatMap { name in
                try transaction.all("SELECT * FROM \(SQL(trusted: name))").map { "\(name): \($0.values)" }.filter {
                    row in ids.contains { row.contains($0) }
                }
            }.sorted()
        }
    }

    private static func upload(_ session: String) -> (contentType: String, bytes: [UInt8]) {
        let csv = (["UTC;value"] + (0..<50).map { "\(Instant(seconds: 1_262_304_000 + Int64($0) * 3_600));\($0 % 24)" })
            .joined(separator: "\n")
        return multipart(
            [("metadata", "{\"sessionId\":\"\(session)\",\"fileName\":\"a.csv\",\"type\":\"input\"}")],
            file: ("file", "a.csv", Array(csv.utf8)))
    }
}
