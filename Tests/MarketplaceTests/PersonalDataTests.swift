import Base
import Modules
import TestKit
import Testing

@testable import Marketplace

/// Erasure of the two sides of a booking, failing statements, and the machines as lists of moves.
@Suite struct PersonalDataTests {
    @Test(arguments: Engine.available)
    func `an erased side of a booking leaves the booking without personal data`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let event = try await fixture.event()
            let service = try await fixture.booked(event)
            #expect(
                await fixture.post(
                    "bookings/complete-service/\(service)", ["notes": "Ask for Maria"], as: fixture.provider
                ).status == 200)
            _ = try await fixture.create("reminders", ["text": "Call Maria"], as: fixture.organizer)
            _ = await fixture.app.call(
                "POST", "/api/contact-submissions", json: ["email": .string(fixture.organizer.email)])
            for person in [fixture.organizer, fixture.provider] {
                let requested = await fixture.app.call(
                    "POST", "/v1/user/erasure", json: ["password": .string(person.password)], token: person.token)
                #expect(requested.status == 202, "\(requested)")
            }
            try await fixture.app.runJobs()
            fixture.app.clock.advance(by: .days(15))
            for _ in 0..<4 {
                try await fixture.app.runJobs()
                fixture.app.clock.advance(by: .hours(1))
            }
            let errors = try await fixture.database.read { transaction in
                try transaction.all("SELECT kind, last_error FROM jobs WHERE last_error IS NOT NULL") {
                    "\(try $0["kind"] as String): \(try $0["last_error"] as String)"
                }
            }
            #expect(errors == [])
            #expect(try await fixture.count("marketplace_event_services WHERE status = 'completed'") == 1)
            #expect(try await fixture.count("marketplace_records") == 0)
            #expect(try await fixture.count("marketplace_submissions") == 0)
            #expect(
                try await fixture.count(
                    "marketplace_providers WHERE business_name = 'Removed' AND status = 'suspended'")
                    == 1)
            let tables = MarketplacePersonalData.tables.map(\.table)
            let texts = try await fixture.database.read { transaction in
                try Set(tables).flatMap { table in
                    try transaction.all("SELECT * FROM \(SQL(trusted: table))").map { "\(table): \($0.values)" }
                }
            }
            for secret in [
                fixture.organizer.id.text, fixture.provider.id.text, fixture.organizer.email, "Maria", "Good Food",
            ] {
                #expect(!texts.contains { $0.contains(secret) }, "\(secret)")
            }
            #expect(texts.contains { $0.contains("Garden Hall") }, "the other side's data stays")
        }
    }

    @Test(arguments: Engine.available)
    func `a booking whose statements fail one after another leaves nothing behind`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withMarketplace(engine, databaseWrapper: faults.wrap) { fixture in
            let event = try await fixture.event()
            var isBooked = false
            let failed = try await faults.failEachStatement { _ in
                let response = await fixture.bookVenue(event)
                isBooked = response.status == 200
                guard isBooked else {
                    #expect(response.status >= 500, "\(response)")
                    throw UnexpectedResponse(response)
                }
            } check: { _ in
                if !isBooked {
                    #expect(await fixture.state(of: event) == "planning")
                    #expect(try await fixture.count("marketplace_event_services") == 0)
                    #expect(try await fixture.count("marketplace_availability") == 0)
                }
                try await fixture.requireInvariants()
            }
            #expect(failed > 8)
            #expect(await fixture.state(of: event) == "pending_venue")
        }
    }

    @Test func `the states of a booked service allow the moves of its table alone`() throws {
        typealias Move = (name: String, apply: @Sendable (inout ServiceBooking) throws -> Void)
        let now = Instant(seconds: 1)
        let release: ID<ServiceBooking.Release> = ID(trusted: "r")
        let moves: [Move] = [
            ("accept", { try $0.accept(at: now) }), ("cancel", { try $0.cancel(at: now) }),
            ("complete", { try $0.complete(photos: [], notes: nil, at: now) }), ("dispute", { try $0.dispute() }),
            ("completeDisputed", { try $0.completeDisputed() }), ("cancelDisputed", { try $0.cancelDisputed(at: now) }),
            ("hold", { try $0.hold() }), ("endHold", { try $0.endHold() }),
            ("release", { try $0.beginRelease(release) }), ("pay", { try $0.markPaid(at: now) }),
            ("reverse", { try $0.reverse() }),
        ]
        let allowed: [EventServiceStatus: Set<String>] = [
            .pending: ["accept", "cancel", "complete", "hold"], .confirmed: ["cancel", "complete"],
            .completed: ["dispute", "hold", "release", "pay"], .disputed: ["completeDisputed", "cancelDisputed"],
            .onHold: ["endHold"], .paid: ["reverse"], .cancelled: [],
        ]
        for status in EventServiceStatus.allCases {
            for move in moves {
                var booking = try ServiceBooking.sample(status)
                let isAllowed = (try? move.apply(&booking)) != nil
                #expect(isAllowed == allowed[status]?.contains(move.name), "\(status) \(move.name)")
            }
        }
        var released = try ServiceBooking.sample(.completed)
        try released.beginRelease(release)
        for move in [moves[3], moves[6], moves[8]] {
            #expect(throws: Problem.self) { try move.apply(&released) }
        }
        released.endRefusedRelease()
        try released.beginRelease(release)
        try released.markPaid(at: now)
        #expect(released.status == .paid && released.approvedAt == now)
    }
}

extension ServiceBooking {
    fileprivate static func sample(_ status: EventServiceStatus) throws -> ServiceBooking {
        let columns: [(String, SQL.Value)] = [
            ("id", .text("b")), ("organisation_id", .text("o")), ("person_id", .text("p")), ("event_id", .text("e")),
            ("venue_id", .null), ("provider_id", .text("v")), ("vendor_organisation_id", .text("w")),
            ("service_id", .null), ("fee_minor", .integer(0)), ("agreed_price_minor", .integer(100)),
            ("currency", .text("usd")),
            ("booked_date", .null), ("status", .text(status.rawValue)),
            ("held_from", status == .onHold ? .text("completed") : .null), ("release_id", .null),
            ("completion_photos", .text("[]")), ("completion_notes", .null), ("confirmed_at", .null),
            ("completed_at", .null), ("approved_at", status == .paid ? .integer(1) : .null), ("cancelled_at", .null),
        ]
        return try ServiceBooking(row: Row(columns: Row.Columns(columns.map(\.0)), values: columns.map(\.1)))
    }
}
