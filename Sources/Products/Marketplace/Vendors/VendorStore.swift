import Identity
import Modules

/// What a booking needs to know of a venue or of a service provider.
struct Vendor: Sendable {
    let id: ServiceBooking.Vendor
    let organisation: ID<Organisation>
    let person: ID<Person>
    let name: String
    var status: VendorStatus
    /// Of a venue: the largest number of guests. Nil for providers.
    let capacity: Int64?
    /// Nil for providers, whose services have prices.
    let price: VendorPrice?
    let reviewNote: String?
}

/// The SQL of vendors as bookings and administrators see them.
extension Transaction {
    /// - Parameter isLocked: until the transaction ends.
    func venue(_ id: ID<Venue>, isLocked: Bool = false) throws -> Vendor? {
        let lock: SQL = isLocked ? "\(.forUpdate)" : ""
        return try first("SELECT * FROM marketplace_venues WHERE id = \(id) \(lock)") { row in
            Vendor(
                id: .venue(id), organisation: try row["organisation_id"], person: try row["person_id"],
                name: try row["name"], status: try row["status"], capacity: try row["capacity"],
                price: VendorPrice(
                    amount: Money(try row["price_minor"], try row.currency("currency")), unit: try row["price_unit"]),
                reviewNote: try row["review_note"])
        }
    }

    /// - Parameter isLocked: until the transaction ends.
    func provider(_ id: ID<ServiceProvider>, isLocked: Bool = false) throws -> Vendor? {
        let lock: SQL = isLocked ? "\(.forUpdate)" : ""
        return try first("SELECT * FROM marketplace_providers WHERE id = \(id) \(lock)") { row in
            Vendor(
                id: .provider(id), organisation: try row["organisation_id"], person: try row["person_id"],
                name: try row["business_name"], status: try row["status"], capacity: nil, price: nil,
                reviewNote: try row["review_note"])
        }
    }

    func vendor(_ id: ServiceBooking.Vendor, isLocked: Bool = false) throws -> Vendor? {
        switch id {
        case .venue(let id): try venue(id, isLocked: isLocked)
        case .provider(let id): try provider(id, isLocked: isLocked)
        }
    }

    /// The provider of an organisation.
    func provider(of organisation: ID<Organisation>) throws -> ID<ServiceProvider>? {
        try first("SELECT id FROM marketplace_providers WHERE organisation_id = \(organisation)") { try $0["id"] }
    }

    /// The prices of what a provider offers, by the services of the catalogue.
    /// - Parameter service: nil for all of them.
    func prices(
        of provider: ID<ServiceProvider>, service: ID<MarketplaceService>?
    ) throws -> [(service: ID<MarketplaceService>, price: VendorPrice)] {
        let condition: SQL = service.map { " AND service_id = \($0)" } ?? ""
        return try all(
            """
            SELECT service_id, price_minor, price_unit, currency FROM marketplace_provider_services
            WHERE provider_id = \(provider)\(condition) ORDER BY id LIMIT 2
            """
        ) { row in
            (
                try row["service_id"],
                VendorPrice(
                    amount: Money(try row["price_minor"], try row.currency("currency")), unit: try row["price_unit"])
            )
        }
    }

    /// Writes an administrator's decision about a vendor that this transaction has locked.
    func update(_ vendor: Vendor, note: String?) throws {
        let table: SQL =
            switch vendor.id {
            case .venue: "marketplace_venues"
            case .provider: "marketplace_providers"
            }
        try execute(
            """
            UPDATE \(table) SET status = \(vendor.status), review_note = \(note), updated_at = \(now)
            WHERE id = \(vendor.id.text)
            """
        )
    }
}

extension Transaction {
    /// - Throws: `in-use` for a vendor that was ever booked: its bookings and their payments name it.
    func requireUnbooked(_ vendor: ServiceBooking.Vendor) throws {
        let condition: SQL =
            switch vendor {
            case .venue(let id): "venue_id = \(id)"
            case .provider(let id): "provider_id = \(id)"
            }
        let booking = try first("SELECT id FROM marketplace_event_services WHERE \(condition) LIMIT 1")
        guard booking == nil else { throw Problem(.inUse, detail: "There are bookings of it.") }
        try execute(
            "DELETE FROM marketplace_availability WHERE entity_type = \(vendor.kind) AND entity_id = \(vendor.text)")
    }
}
