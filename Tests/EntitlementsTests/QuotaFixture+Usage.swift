import App
import Base
import Foundation
import Modules
import TestKit

extension QuotaFixture {
    /// The headers of a new API key with `scopes`.
    func key(_ scopes: String...) async throws -> [String: String] {
        let body: JSONValue = [
            "name": "test", "scopes": .array(scopes.map { .string($0) }), "password": .string(person.password),
        ]
        let response = await app.call("POST", "/v1/auth/api-keys", json: body, token: person.token)
        guard let text = response["api_key"]?.string else { throw UnexpectedResponse(response) }
        return ["X-API-Key": text]
    }

    /// Reports usage with the fixture's service key.
    func report(_ json: JSONValue) async throws -> TestResponse {
        await app.call("POST", "/v1/usage/events", json: json, headers: try await service())
    }

    func report(_ json: JSONValue, as mediaType: String) async throws -> TestResponse {
        await app.call(
            "POST", "/v1/usage/events", body: (mediaType, Array(try JSONEncoder().encode(json))),
            headers: try await service())
    }

    func get(_ path: String) async -> TestResponse { await app.call("GET", path, token: person.token) }

    /// The present plus an offset, as text for a query or a body.
    func timestamp(_ offset: Duration) -> String { (app.clock.now + offset).description }

    func count(_ sql: SQL) async throws -> Int64 {
        try await database.read { try $0.count("SELECT COUNT(*) AS count FROM \(sql)") }
    }
}

/// A usage event in the native format.
func event(_ id: String, _ amount: Int64 = 1, meter: String = "uploads", at occurredAt: String? = nil) -> JSONValue {
    var event: [String: JSONValue] = ["id": .string(id), "meter": .string(meter), "amount": .integer(amount)]
    if let occurredAt { event["occurred_at"] = .string(occurredAt) }
    return .object(event)
}

/// A usage event in the CloudEvents format.
func cloudEvent(
    _ id: String, _ amount: Int64 = 1, source: String = "//billing.example/usage",
    with attributes: [String: JSONValue] = [:]
) -> JSONValue {
    let event: [String: JSONValue] = [
        "specversion": "1.0", "id": .string(id), "source": .string(source), "type": "example.usage",
        "data": ["meter": "uploads", "amount": .integer(amount)],
    ]
    return .object(event.merging(attributes) { $1 })
}
