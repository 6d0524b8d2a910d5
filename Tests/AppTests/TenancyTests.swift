import App
import Base
import HTTPTypes
import Modules
import TestKit
import Testing

/// What one organisation has, another can neither see nor touch, whatever it knows of it.
@Suite struct TenancyTests {
    private static let session = "session_1_owned"

    /// Bodies that fit each door, so that it is the ownership that refuses and not a field.
    private static func body(for path: String, session: String) -> JSONValue? {
        let rows: JSONValue = [[1.0, 2.0], [3.0, 4.0]]
        return switch path.split(separator: "/").dropFirst(2).first {
        case "session-name-change": ["sessionId": .string(session), "sessionName": "mine now"]
        case "finalize-session": ["sessionId": .string(session)]
        case "save-time-info": ["sessionId": .string(session), "timeInfo": [:]]
        case "save-zeitschritte": ["sessionId": .string(session), "zeitschritte": ["eingabe": 1, "ausgabe": 1, "zeitschrittweite": 60, "offset": 0]]
        case "train-models": ["model_parameters": ["MODE": "LIN"]]
        case "generate-datasets": [:]
        case "generate-plot": ["sessionId": .string(session)]
        case "scale-data": ["input_data": rows]
        case "predict": ["input_data": rows]
        case "csv-files": ["bezeichnung": "mine now"]
        default: nil
        }
    }

    @Test(arguments: Engine.available)
    func `nothing of another organisation is found, read or changed`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let (owner, stranger) = (try await app.subscriber("pro", "owner"), try await app.subscriber("pro", "stranger"))
            let opened = await app.call("POST", "/v1/training/init-session", json: ["sessionId": .string(Self.session)], token: owner.token)
            let uuid = try #require(opened["sessionUuid"]?.string)
            let csv = Array((["UTC;value"] + (0..<50).map { "\(Instant(seconds: 1_262_304_000 + Int64($0) * 3_600));\($0 % 24)" }).joined(separator: "\n").utf8)
            let form = multipart([("metadata", "{\"sessionId\":\"\(Self.session)\",\"fileName\":\"a.csv\",\"type\":\"input\"}")], file: ("file", "a.csv", csv))
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
            for route in app.app.routes where route.path.hasPrefix("/v1/training/") && route.gate.allSatisfy({ $0.kind != .body }) {
                for id in [Self.session, uuid, uuid.uppercased(), file] {
                    let body = route.input == nil ? nil : Self.body(for: route.path, session: id) ?? [:]
                    let path = route.path.replacing(/\{[^}]*\}/, with: id)
                    let reply = await app.call(
                        route.method.rawValue, path, json: body, token: stranger.token,
                        headers: ["Prefer": "respond-async", "X-Organisation": owner.organisation])
                    #expect(reply.status < 500, "\(path)")
                    if route.path.contains("{") || Self.body(for: route.path, session: id) != nil {
                        #expect(reply.status == 404, "\(route.method) \(path): \(reply)")
                        refused += 1
                    }
                    for secret in [uuid, file, "a.csv", owner.organisation, owner.email] where !path.contains(secret) && body?["sessionId"] != .string(secret) {
                        #expect(!reply.text.contains(secret), "\(route.method) \(path): \(reply)")
                    }
                }
            }
            #expect(refused > 60)
            #expect(try await state() == before)

            // An upload into it is refused, and makes nothing.
            let foreign = await app.call("POST", "/v1/training/instant-upload", body: form, token: stranger.token)
            #expect(foreign.status == 404, "\(foreign)")
            #expect(try await state() == before)
            // The same name is another session for another organisation.
            let own = await app.call("POST", "/v1/training/init-session", json: ["sessionId": .string(Self.session)], token: stranger.token)
            #expect(own["sessionUuid"]?.string != nil)
            #expect(own["sessionUuid"]?.string != uuid)
            let list = await app.call("GET", "/v1/training/csv-files/\(Self.session)", token: stranger.token)
            #expect(list["files"] == [])
            #expect(await app.call("GET", "/v1/usage", token: stranger.token)["meters"]?["uploads"]?["used"] == 0)
        }
    }

    @Test func `only an administrator changes plans, also one's own`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.subscriber("free")
            for target in [person.id.text, try await app.register().id.text] {
                let reply = await app.call("POST", "/v1/payments/subscriptions/\(target)/adjust", json: ["plan": "enterprise"], token: person.token)
                #expect(reply.code == "insufficient-role")
            }
            #expect(await app.call("POST", "/v1/payments/subscribe", json: ["plan": "enterprise"], token: person.token).code == "payment-required")
            #expect(await app.call("GET", "/v1/usage", token: person.token)["plan"] == "Free")
        }
    }
}
