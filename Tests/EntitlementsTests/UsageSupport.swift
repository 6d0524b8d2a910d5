import App
import Base
import Foundation
import Modules
import TestKit

extension QuotaFixture {
    /// What this person's key with `scopes` shows.
    func key(_ scopes: String...) async throws -> [String: String] {
        let body: JSONValue = ["name": "for a test", "scopes": .array(scopes.map { .string($0) })]
        let response = await app.call("POST", "/v1/auth/api-keys", json: body, token: person.token)
        guard let text = response["api_key"]?.string else { throw UnexpectedResponse(response) }
        return ["X-API-Key": text]
    }

    func report(_ json: JSONValue) async -> TestResponse {
        await app.call("POST", "/v1/usage/events", json: json, token: person.token)
    }

    func report(_ json: JSONValue, as mediaType: String) async throws -> TestResponse {
        await app.call(
            "POST", "/v1/usage/events", body: (mediaType, Array(try JSONEncoder().encode(json))), token: person.token)
    }

    func get(_ path: String) async -> TestResponse { await app.call("GET", path, token: person.token) }

    /// A moment as it stands in a query or a body.
    func moment(_ offset: Duration) -> String { (app.clock.now + offset).description }

    func count(_ sql: SQL) async throws -> Int64 {
        try await database.read { try $0.count("SELECT COUNT(*) AS count FROM \(sql)") }
    }
}

/// An event in this system's own spelling.
func event(_ id: String, _ amount: Int64 = 1, meter: String = "uploads", at moment: String? = nil) -> JSONValue {
    var event: [String: JSONValue] = ["id": .string(id), "meter": .string(meter), "amount": .integer(amount)]
    if let moment { event["occurred_at"] = .string(moment) }
    return .object(event)
}

/// An event of CloudEvents.
func cloudEvent(
    _ id: String, _ amount: Int64 = 1, source: String = "//shop.example/till", with more: [String: JSONValue] = [:]
) -> JSONValue {
    let event: [String: JSONValue] = [
        "specversion": "1.0", "id": .string(id), "source": .string(source), "type": "example.usage",
        "data": ["meter": "uploads", "amount": .integer(amount)],
    ]
    return .object(event.merging(more) { $1 })
}
