import Base
import Modules
import TestKit
import Testing

@testable import Marketplace

/// The e-mails to vendors about bookings: none of an account without a verified address, and a bounded number a day.
@Suite struct BookingNoticeTests {
    private func bookAndCancel(_ event: String, as person: TestPerson, _ fixture: MarketplaceFixture) async throws {
        let booked = await fixture.bookService(event, as: person)
        let id = try #require(booked["event_service_id"]?.string, "\(booked)")
        #expect(await fixture.call("DELETE", "event-services/\(id)", as: person).status == 200)
    }

    private func notices(_ fixture: MarketplaceFixture) async throws -> Int {
        try await fixture.app.mail(to: fixture.provider.email).count { $0.text.contains("Good Food") }
    }

    @Test(arguments: Engine.available)
    func `a vendor gets e-mails about twenty bookings of one organizer a day`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let event = try await fixture.event()
            let before = try await notices(fixture)
            let limit = Int(MarketplaceLimits.noticesPerVendorAndDay)
            for _ in 0..<(limit + 3) { try await bookAndCancel(event, as: fixture.organizer, fixture) }
            #expect(try await notices(fixture) - before == 2 * limit)
            let other = try await fixture.app.register("other")
            try await bookAndCancel(try await fixture.event(as: other), as: other, fixture)
            #expect(try await notices(fixture) - before == 2 * limit + 2)
        }
    }

    @Test(arguments: Engine.available)
    func `an account without a verified address books nothing, and causes no e-mail to the vendor`(
        engine: Engine
    ) async throws {
        try await withMarketplace(engine) { fixture in
            let person = try await fixture.app.register("unverified", isVerified: false)
            let before = try await notices(fixture)
            let event = try await fixture.event(as: person)
            let refused = await fixture.post(
                "bookings/book-venue", ["event_id": .string(event), "venue_id": .string(fixture.venue)], as: person)
            #expect(refused.status == 403 && refused.code == "email-not-verified", "\(refused)")
            #expect(try await notices(fixture) == before)
        }
    }
}
