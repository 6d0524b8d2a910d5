import App
import Base
import Foundation
import Identity
import Modules
import Secrets
import TestKit
import Testing

@testable import Webhooks

@Suite struct EndpointTests {
    @Test(arguments: Engine.available)
    func `a secret is shown once, and encrypted at rest`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            let endpoint = try await webhooks.endpoint()
            #expect(endpoint.secret.hasPrefix("whsec_") && StandardWebhookSecret(endpoint.secret)?.bytes.count == 32)
            for path in ["endpoints", "endpoints/\(endpoint.id)"] {
                let response = try await webhooks.call("GET", path)
                #expect(response.status == 200 && !response.text.contains("whsec_"), "\(response)")
            }
            #expect(try await webhooks.storedSecret()?.contains(endpoint.secret.dropFirst(6)) == false)
        }
    }

    /// The package reads the clock of the machine.
    @Test(arguments: Engine.available)
    func `Python's package verifies events, with both secrets during a rotation`(engine: Engine) async throws {
        try await withWebhooks(engine, clock: TestClock(Runtime.system.now())) { webhooks in
            let endpoint = try await webhooks.endpoint()
            let rotated = try await webhooks.call("POST", "endpoints/\(endpoint.id)/rotation")
            let secret = try #require(rotated["secret"]?.string)
            #expect(secret != endpoint.secret)
            try await webhooks.emit()
            try await webhooks.test.runJobs()
            let message = try #require(webhooks.receiver.messages.first)
            #expect(message.headers["webhook-signature"]?.split(separator: " ").count == 2)
            let wrong = StandardWebhookSecret(bytes: Runtime.system.randomBytes(32)).text
            #expect(try verdicts(message, [secret, endpoint.secret, wrong]) == ["valid", "valid", "invalid"])

            // Without an overlap the old secret is of no use at once.
            _ = try await webhooks.call("POST", "endpoints/\(endpoint.id)/rotation?overlap_hours=0")
            try await webhooks.emit()
            try await webhooks.test.runJobs()
            let last = try #require(webhooks.receiver.messages.last)
            #expect(last.headers["webhook-signature"]?.split(separator: " ").count == 1)
            #expect(try verdicts(last, [secret]) == ["invalid"])
        }
    }

    private func verdicts(_ message: WebhookReceiver.Message, _ secrets: [String]) throws -> [String] {
        let script = """
            import json, sys
            from standardwebhooks.webhooks import Webhook, WebhookVerificationError
            body, headers, secrets = (json.loads(argument) for argument in sys.argv[1:])
            for secret in secrets:
                try:
                    Webhook(secret).verify(body, headers)
                    print("valid")
                except WebhookVerificationError:
                    print("invalid")
            """
        func json(_ value: some Encodable) throws -> String {
            String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
        }
        let output = try Python.run([
            "-c", script, try json(String(decoding: message.body, as: UTF8.self)), try json(message.headers),
            try json(secrets),
        ])
        return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test(arguments: Engine.available)
    func `a replaced secret signs for the overlap, and is deleted then`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            let endpoint = try await webhooks.endpoint()
            _ = try await webhooks.call("POST", "endpoints/\(endpoint.id)/rotation?overlap_hours=2")
            for (advance, signatures) in [(Duration.hours(1), 2), (.minutes(61), 1)] {
                webhooks.test.clock.advance(by: advance)
                try await webhooks.emit()
                try await webhooks.test.runJobs()
                let field = try #require(webhooks.receiver.messages.last?.headers["webhook-signature"])
                #expect(field.split(separator: " ").count == signatures)
            }
            webhooks.test.clock.advance(by: .hours(1))
            try await webhooks.test.runJobs()
            #expect(try await webhooks.count("webhook_endpoints WHERE sealed_previous_secret IS NOT NULL") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `urls and types that cannot be served are refused`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            for url in [
                "example.org", "ftp://example.org/", "https://", "https://user:secret@example.org/",
                "https://example.org/#part", "https://exa mple.org/", "javascript:alert(1)",
                "https://example.org/" + String(repeating: "x", count: 2_048),
            ] {
                let response = try await webhooks.call(
                    "POST", "endpoints", json: ["url": .string(url), "event_types": ["*"]])
                #expect(response.status == 422 && response.text.contains("/url"), "\(url): \(response)")
            }
            for types in [
                [], ["unknown.type"], ["*", "subscription.updated"], ["webhook.test"],
                ["subscription.updated", "subscription.updated"],
            ] as [[JSONValue]] {
                let response = try await webhooks.call(
                    "POST", "endpoints", json: ["url": .string(webhooks.receiver.url), "event_types": .array(types)])
                #expect(response.status == 422 && response.text.contains("/event_types"), "\(types): \(response)")
            }
            let types = try await webhooks.call("GET", "event-types")
            let names = types["event_types"]?.array?.compactMap { $0["name"]?.string } ?? []
            #expect(names.contains("subscription.updated") && names.contains("usage.threshold_reached"), "\(types)")
            #expect(names.contains("training_run.finished") && names.contains("invoice.issued"))
        }
    }

    @Test(arguments: Engine.available)
    func `an organisation has ten endpoints at most, also with requests at once`(engine: Engine) async throws {
        try await withWebhooks(engine, change: { $0.poolSize = 8 }) { webhooks in
            for _ in 1..<WebhookEndpoint.countMax { _ = try await webhooks.endpoint() }
            let body: JSONValue = ["url": .string(webhooks.receiver.url), "event_types": ["*"]]
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 1...4 {
                    group.addTask { try await webhooks.call("POST", "endpoints", json: body).status }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.sorted() == [201, 409, 409, 409])
            let list = try await webhooks.call("GET", "endpoints")
            let id = try #require(list["endpoints"]?[0]?["id"]?.string)
            #expect(try await webhooks.call("DELETE", "endpoints/\(id)").status == 204)
            #expect(try await webhooks.call("POST", "endpoints", json: body).status == 201)
        }
    }

    @Test(arguments: Engine.available)
    func `a deleted endpoint gets nothing more, and its secrets are removed`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            let endpoint = try await webhooks.endpoint()
            try await webhooks.emit()
            #expect(try await webhooks.call("DELETE", "endpoints/\(endpoint.id)").status == 204)
            try await webhooks.emit()
            try await webhooks.test.runJobs()
            #expect(webhooks.receiver.messages.isEmpty)
            #expect(try await webhooks.call("GET", "endpoints/\(endpoint.id)").status == 404)
            #expect(try await webhooks.storedSecret() == "")
            webhooks.test.clock.advance(by: .days(31))
            try await webhooks.test.runJobs()
            #expect(try await webhooks.count("webhook_endpoints") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `endpoints and deliveries of another organisation do not exist`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            let endpoint = try await webhooks.endpoint()
            try await webhooks.emit()
            try await webhooks.test.runJobs()
            let delivery = try #require(try await webhooks.deliveries(endpoint.id)[0]["id"]?.string)
            let other = try await webhooks.test.register("other")
            let replay: JSONValue = ["since": "2026-01-01T00:00:00Z"]
            for (method, path, json) in [
                ("GET", "endpoints/\(endpoint.id)", nil), ("PATCH", "endpoints/\(endpoint.id)", ["enabled": false]),
                ("DELETE", "endpoints/\(endpoint.id)", nil), ("POST", "endpoints/\(endpoint.id)/rotation", nil),
                ("POST", "endpoints/\(endpoint.id)/tests", nil), ("GET", "endpoints/\(endpoint.id)/deliveries", nil),
                ("POST", "endpoints/\(endpoint.id)/replays", replay), ("GET", "deliveries/\(delivery)", nil),
                ("POST", "deliveries/\(delivery)/retries", nil),
            ] as [(String, String, JSONValue?)] {
                let response = try await webhooks.call(method, path, json: json, as: other)
                #expect(response.status == 404, "\(method) \(path): \(response)")
            }
            #expect(try await webhooks.call("GET", "endpoints", as: other)["endpoints"] == [])
            #expect(try await webhooks.state(endpoint.id) == "enabled")
        }
    }

    @Test(arguments: Engine.available)
    func `an unverified account and a plain member cannot create an endpoint`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            let body: JSONValue = ["url": .string(webhooks.receiver.url), "event_types": ["*"]]
            let unverified = try await webhooks.test.register("unverified", isVerified: false)
            let refusal = try await webhooks.call("POST", "endpoints", json: body, as: unverified)
            #expect(refusal.status == 403 && refusal.code == "email-not-verified", "\(refusal)")
            let member = try await webhooks.test.register("member")
            let organisation = webhooks.organisation
            try await webhooks.database.write {
                try $0.execute(
                    """
                    INSERT INTO memberships (organisation_id, person_id, role, created_at)
                    VALUES (\(organisation), \(member.id), 'member', \($0.now))
                    """)
            }
            for (method, json) in [("POST", body), ("GET", nil)] {
                let response = await webhooks.test.call(
                    method, "/v1/webhooks/endpoints", json: json, token: member.token,
                    headers: ["X-Organisation": organisation.text])
                #expect(response.status == 403 && response.code == "insufficient-role", "\(response)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a test event is sent to its endpoint alone, whatever it subscribes to`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            let endpoint = try await webhooks.endpoint(["subscription.updated"])
            _ = try await webhooks.endpoint(url: webhooks.receiver.url + "/other")
            let test = try await webhooks.call("POST", "endpoints/\(endpoint.id)/tests")
            #expect(test.status == 202 && test["type"] == "webhook.test", "\(test)")
            try await webhooks.test.runJobs()
            #expect(webhooks.receiver.messages.map(\.path) == ["/hooks"])
            #expect(webhooks.receiver.messages.first?.json["data"]?["endpoint_id"]?.string == endpoint.id)
            let path = try #require(test.headers["location"])
            let delivery = await webhooks.test.call("GET", path, token: webhooks.person.token)
            #expect(delivery["delivery"]?["state"] == "delivered", "\(delivery)")
        }
    }

    @Test(arguments: Engine.available)
    func `deliveries are listed in pages, newest first`(engine: Engine) async throws {
        try await withWebhooks(engine) { webhooks in
            let endpoint = try await webhooks.endpoint()
            for number in 1...5 {
                try await webhooks.emit(number: Int64(number))
                webhooks.test.clock.advance(by: .seconds(1))
            }
            var pages: [[String]] = []
            var after = ""
            repeat {
                let page = try await webhooks.call("GET", "endpoints/\(endpoint.id)/deliveries?limit=2\(after)")
                pages.append(page["deliveries"]?.array?.compactMap { $0["created_at"]?.string } ?? [])
                after = page["next_cursor"]?.string.map { "&after=\($0)" } ?? ""
            } while !after.isEmpty && pages.count < 9
            #expect(pages.map(\.count) == [2, 2, 1])
            #expect(Array(pages.joined()) == Array(pages.joined().sorted().reversed()))
            let delivered = try await webhooks.call("GET", "endpoints/\(endpoint.id)/deliveries?state=delivered")
            #expect(delivered["deliveries"] == [], "\(delivered)")
        }
    }
}
