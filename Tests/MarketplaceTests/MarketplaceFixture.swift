import App
import Base
import Identity
import Modules
import TestKit
import Testing

/// A system with an organizer, the owner of an approved venue, an approved provider and an administrator.
struct MarketplaceFixture: Sendable {
    let app: TestApp
    let organizer: TestPerson
    let host: TestPerson
    let provider: TestPerson
    let administrator: TestPerson
    let venue: String
    let providerID: String
    /// A service of the catalogue, which the provider offers for 40.50 a guest.
    let service: String

    init(_ app: TestApp) async throws {
        self.app = app
        organizer = try await app.register("organizer", role: "organizer")
        host = try await app.register("host", role: "venue_owner")
        provider = try await app.register("provider", role: "service_provider")
        administrator = try await app.administrator()
        func call(_ method: String, _ path: String, _ json: JSONValue, _ person: TestPerson) async -> TestResponse {
            await app.call(method, path, json: json, token: person.token)
        }
        func id(_ response: TestResponse) throws -> String {
            guard response.status == 201, let id = response["data"]?["id"]?.string else {
                throw UnexpectedResponse(response)
            }
            return id
        }
        venue = try id(
            await call("POST", "/api/venues", Self.venue(), host))
        providerID = try id(
            await call(
                "POST", "/api/service-providers",
                ["business_name": "Good Food", "location_city": "Berlin", "service_area": ["Potsdam"]], provider))
        service = try id(
            await call("POST", "/api/services", ["name": "Catering", "category": "food"], provider))
        _ = try id(
            await call(
                "POST", "/api/service-provider-services",
                ["service_id": .string(service), "price": 40.5, "price_unit": "guest"], provider))
        for vendor in [venue, providerID] {
            let response = await call("POST", "/v1/admin/vendors/\(vendor)/approve", [:], administrator)
            guard response.status == 200 else { throw UnexpectedResponse(response) }
        }
    }

    static func venue(_ changes: [String: JSONValue] = [:]) -> JSONValue {
        let own: [String: JSONValue] = [
            "name": "Garden Hall", "city": "Berlin", "capacity": 120, "price": 1999.99, "venue_type": "hall",
            "amenities": ["Wifi", "Parking"],
        ]
        return .object(own.merging(changes) { $1 })
    }

    var database: any Database { app.app.database }

    func call(_ method: String, _ path: String, _ json: JSONValue? = nil, as person: TestPerson) async -> TestResponse {
        await app.call(method, "/api/\(path)", json: json, token: person.token)
    }

    func get(_ path: String, as person: TestPerson) async -> TestResponse { await call("GET", path, as: person) }

    func post(_ path: String, _ json: JSONValue = [:], as person: TestPerson) async -> TestResponse {
        await call("POST", path, json, as: person)
    }

    /// Creates a row, and returns its id.
    func create(_ resource: String, _ json: JSONValue, as person: TestPerson) async throws -> String {
        let response = await post(resource, json, as: person)
        guard response.status == 201, let id = response["data"]?["id"]?.string else {
            throw UnexpectedResponse(response)
        }
        return id
    }

    /// An event of the organizer.
    func event(guests: Int64 = 80, date: String? = "2026-06-20", as person: TestPerson? = nil) async throws -> String {
        var body: [String: JSONValue] = ["event_type": "wedding", "guest_count": .integer(guests), "budget": 20000]
        if let date { body["date"] = .string(date) }
        return try await create("events", .object(body), as: person ?? organizer)
    }

    func bookVenue(_ event: String, _ venue: String? = nil, as person: TestPerson? = nil) async -> TestResponse {
        await post(
            "bookings/book-venue", ["event_id": .string(event), "venue_id": .string(venue ?? self.venue)],
            as: person ?? organizer)
    }

    func bookService(
        _ event: String, _ more: [String: JSONValue] = [:], as person: TestPerson? = nil
    ) async -> TestResponse {
        let body: [String: JSONValue] = ["event_id": .string(event), "provider_id": .string(providerID)]
        return await post("bookings/book-service", .object(body.merging(more) { $1 }), as: person ?? organizer)
    }

    /// Books the service for an event.
    /// - Returns: the id of the booking.
    func booked(_ event: String) async throws -> String {
        let response = await bookService(event)
        guard let id = response["event_service_id"]?.string else { throw UnexpectedResponse(response) }
        return id
    }

    func state(of event: String) async -> String? {
        await get("events/\(event)", as: organizer)["data"]?["status"]?.string
    }

    func count(_ sql: SQL) async throws -> Int64 {
        try await database.read { try $0.count("SELECT COUNT(*) AS count FROM " + sql) }
    }

    func audited(_ action: String) async throws -> Int64 { try await count("audit_events WHERE action = \(action)") }

    func requireInvariants() async throws {
        let faults = try await Invariants.faults(in: database)
        #expect(faults == [])
    }
}

func withMarketplace(
    _ engine: Engine, databaseWrapper: @escaping @Sendable (any Database) -> any Database = { $0 },
    change: (inout Configuration) -> Void = { _ in }, _ body: (MarketplaceFixture) async throws -> Void
) async throws {
    try await withTestApp(engine, databaseWrapper: databaseWrapper, change: change) { app in
        let fixture = try await MarketplaceFixture(app)
        try await body(fixture)
        try await fixture.requireInvariants()
    }
}
