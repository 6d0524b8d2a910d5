import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Webhooks

/// A server that may contact this machine, a receiver of webhooks, and an account.
struct WebhooksFixture: Sendable {
    let test: TestApp
    let receiver: WebhookReceiver
    let person: TestPerson

    var database: any Database { test.app.database }
    var organisation: ID<Organisation> { ID(trusted: person.organisation) }
    var service: WebhookService { test.app.webhooks }

    /// - Returns: the id and the secret of a new endpoint at the receiver.
    func endpoint(
        _ types: [JSONValue] = ["*"], url: String? = nil, of other: TestPerson? = nil
    ) async throws -> (id: String, secret: String) {
        let json: JSONValue = ["url": .string(url ?? receiver.url), "event_types": .array(types)]
        let response = try await call("POST", "endpoints", json: json, as: other)
        guard response.status == 201, let id = response["endpoint"]?["id"]?.string,
            let secret = response["secret"]?.string
        else { throw UnexpectedResponse(response) }
        return (id, secret)
    }

    func call(_ method: String, _ path: String, json: JSONValue? = nil, as other: TestPerson? = nil) async throws
        -> TestResponse
    {
        await test.call(method, "/v1/webhooks/\(path)", json: json, token: try await token(of: other ?? person))
    }

    /// A new access token where the tests' clock may have moved beyond the lifetime of the first one.
    func token(of person: TestPerson) async throws -> String {
        let status = await test.call("GET", "/v1/auth/me", token: person.token).status
        guard status == 401 else { return person.token }
        let response = await test.call(
            "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": .string(person.password)])
        guard let token = response["access_token"]?.string else { throw UnexpectedResponse(response) }
        return token
    }

    /// Emits an event, as a product does in its transaction.
    func emit(number: Int64 = 1, to other: TestPerson? = nil, on database: (any Database)? = nil) async throws {
        let organisation = ID<Organisation>(trusted: (other ?? person).organisation)
        try await (database ?? self.database).write { [service] transaction in
            try service.emit(.fixture, of: organisation, FixtureData(number: number), in: transaction)
        }
    }

    /// The deliveries to an endpoint, newest first.
    func deliveries(_ endpoint: String) async throws -> [JSONValue] {
        let response = try await call("GET", "endpoints/\(endpoint)/deliveries")
        guard let deliveries = response["deliveries"]?.array else { throw UnexpectedResponse(response) }
        return deliveries
    }

    func state(_ endpoint: String) async throws -> String? {
        try await call("GET", "endpoints/\(endpoint)")["state"]?.string
    }

    func count(_ condition: String) async throws -> Int64 {
        try await database.read { try $0.count(SQL(trusted: "SELECT COUNT(*) AS count FROM \(condition)")) }
    }

    /// The stored secret of the one endpoint.
    func storedSecret() async throws -> String? {
        try await database.read {
            try $0.first("SELECT sealed_secret FROM webhook_endpoints") {
                try $0.read("sealed_secret", as: String.self)
            }
        }
    }

    func requireInvariants() async throws {
        #expect(try await Invariants.faults(in: database) == [])
    }
}

struct FixtureData: Payload {
    let number: Int64
}

extension WebhookEventType {
    static let fixture = WebhookEventType("fixture.counted", "A test counts.")
}

/// - Parameter clock: the time of the start.
func withWebhooks(
    _ engine: Engine, clock: TestClock = TestClock(), change: (inout Configuration) -> Void = { _ in },
    _ body: (WebhooksFixture) async throws -> Void
) async throws {
    try await WebhookReceiver.with { receiver in
        try await withTestApp(
            engine, clock: clock,
            change: {
                $0.outboundPrivateNetworks = ["true"]
                change(&$0)
            }
        ) { test in
            let fixture = WebhooksFixture(test: test, receiver: receiver, person: try await test.register())
            try await body(fixture)
            try await fixture.requireInvariants()
        }
    }
}
