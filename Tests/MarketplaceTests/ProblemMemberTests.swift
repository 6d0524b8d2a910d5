import Base
import Modules
import TestKit
import Testing

/// Refusals for a state: the member `status` is that of RFC 9457, and the state has a member of its own.
@Suite struct ProblemMemberTests {
    private func expect(_ response: TestResponse, _ code: String, _ member: String, _ value: String) {
        #expect(response.status == 409 && response.code == code, "\(response)")
        #expect(response["status"] == 409 && response[member] == .string(value), "\(response)")
    }

    @Test(arguments: Engine.available)
    func `the states of events, services and vendors do not hide the status`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let event = try await fixture.event()
            let service = try await fixture.booked(event)
            for _ in 0..<2 { _ = await fixture.post("bookings/complete-service/\(service)", as: fixture.provider) }
            expect(
                await fixture.post("bookings/accept/\(service)", as: fixture.provider), "service-state",
                "service_status", "completed")
            let venue = try await fixture.create("venues", MarketplaceFixture.venue(), as: fixture.host)
            expect(await fixture.bookVenue(event, venue), "vendor-not-approved", "vendor_status", "pending")
            let path = "admin/vendors/\(fixture.venue)/approve"
            expect(await fixture.post(path, as: fixture.administrator), "vendor-state", "vendor_status", "approved")
            let other = try await fixture.event()
            let open = try await fixture.booked(other)
            _ = await fixture.post("events/\(other)/cancel", as: fixture.organizer)
            expect(
                await fixture.post("events/\(other)/confirm", as: fixture.organizer), "event-state", "event_status",
                "cancelled")
            expect(
                await fixture.post("bookings/complete-service/\(open)", as: fixture.provider), "event-state",
                "event_status", "cancelled")
        }
    }
}
