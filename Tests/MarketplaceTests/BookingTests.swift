import App
import Base
import Identity
import Modules
import TestKit
import Testing

/// Bookings: their prices, their slots, and who may do what.
@Suite struct BookingTests {
    @Test(arguments: Engine.available)
    func `an event goes from its plan to a confirmed booking, and its vendors hand in their proof`(
        engine: Engine
    ) async throws {
        try await withMarketplace(engine) { fixture in
            let organizer = fixture.organizer
            let created = await fixture.post(
                "bookings/create-from-plan",
                [
                    "plan_data": ["title": "Wedding", "budget": ["total": 1]],
                    "draft_brief": [
                        "eventType": "wedding", "guestCount": 80, "budget": 20000.5, "city": "Berlin",
                        "dateRange": ["start": "2026-06-20"],
                    ],
                ], as: organizer)
            #expect(created.status == 200 && created["status"] == "planning", "\(created)")
            #expect(created["event_type"] == "wedding")
            let event = try #require(created["event_id"]?.string)

            let venue = await fixture.bookVenue(event)
            #expect(venue["status"] == "pending_venue" && venue["agreed_price_minor"] == 199_999, "\(venue)")
            let service = await fixture.bookService(event, ["agreed_price": 3240])
            #expect(service["status"] == "pending" && service["agreed_price_minor"] == 324_000, "\(service)")
            let view = await fixture.get("events/\(event)", as: organizer)["data"]
            #expect(view?["total_minor"] == 523_999 && view?["budget_minor"] == 2_000_050)
            let early = await fixture.post("events/\(event)/confirm", as: organizer)
            #expect(early.status == 409 && early.code == "venue-not-accepted", "\(early)")

            let (hall, food) = (
                try #require(venue["event_service_id"]?.string), try #require(service["event_service_id"]?.string)
            )
            let accepted = await fixture.post("bookings/accept/\(hall)", as: fixture.host)
            #expect(accepted["status"] == "confirmed" && accepted["event_status"] == "confirmed", "\(accepted)")
            #expect(await fixture.get("chat/event/\(event)", as: organizer).status == 200)
            #expect(await fixture.post("bookings/accept/\(food)", as: fixture.provider).status == 200)
            let proof = await fixture.post(
                "bookings/complete-service/\(food)",
                ["photos": ["https://example.org/1.jpg"], "notes": "All done."], as: fixture.provider)
            #expect(proof["status"] == "completed", "\(proof)")
            let seen = await fixture.get("event-services/\(food)", as: organizer)["data"]
            #expect(seen?["completion_photos"] == ["https://example.org/1.jpg"])
            #expect(seen?["completion_notes"] == "All done.")
            let mails = try await fixture.app.mail(to: organizer.email).map(\.subject)
            #expect(mails.count { $0 == "Your booking was answered" } == 2, "\(mails)")
            #expect(mails.contains("A service was completed"))
            #expect(
                try await fixture.app.mail(to: fixture.host.email).map(\.subject).contains("A new booking request"))

            let administered = await fixture.get("admin/bookings/\(event)", as: fixture.administrator)
            #expect(administered["services"]?.array?.count == 2 && administered["total_minor"] == 523_999)
            #expect(await fixture.get("admin/bookings?status=confirmed", as: fixture.administrator)["total"] == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `the price is the vendor's, and another amount of the client is refused`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let event = try await fixture.event(guests: 3)
            let wrong = await fixture.bookService(event, ["agreed_price": 0.01])
            #expect(wrong.status == 409 && wrong.code == "amount-mismatch", "\(wrong)")
            #expect(wrong["amount_minor"] == 12_150 && wrong["amount"]?.number == 121.5)
            let generic = await fixture.post(
                "event-services",
                [
                    "event_id": .string(event), "provider_id": .string(fixture.providerID),
                    "service_id": .string(fixture.service),
                ], as: fixture.organizer)
            #expect(generic.status == 201 && generic["data"]?["agreed_price_minor"] == 12_150, "\(generic)")
            // A later price changes no booking.
            let offers = await fixture.get("service-provider-services", as: fixture.provider)
            let offer = try #require(offers["data"]?[0]?["id"]?.string)
            _ = await fixture.call("PUT", "service-provider-services/\(offer)", ["price": 99], as: fixture.provider)
            #expect(await fixture.get("events/\(event)", as: fixture.organizer)["data"]?["total_minor"] == 12_150)
        }
    }

    @Test(arguments: Engine.available)
    func `a venue is booked when it is approved, large enough, in the currency and free`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let pending = try await fixture.create("venues", MarketplaceFixture.venue(), as: fixture.host)
            let event = try await fixture.event()
            #expect(await fixture.bookVenue(event, pending).code == "vendor-not-approved")
            let crowd = await fixture.bookVenue(try await fixture.event(guests: 121))
            #expect(crowd.code == "capacity-exceeded" && crowd["capacity"] == 120, "\(crowd)")
            #expect(await fixture.bookVenue(try await fixture.event(date: nil)).status == 422)
            let euros = try await fixture.create(
                "events", ["event_type": "gala", "guest_count": 5, "date": "2026-06-20", "currency": "eur"],
                as: fixture.organizer)
            #expect(await fixture.bookVenue(euros).code == "currency-mismatch")
            #expect(await fixture.bookVenue(event).status == 200)
            let taken = await fixture.bookVenue(try await fixture.event())
            #expect(taken.status == 409 && taken.code == "date-unavailable", "\(taken)")
            #expect(await fixture.bookVenue(try await fixture.event(date: "2026-06-21")).status == 200)
            let closed = await fixture.post(
                "availability",
                [
                    "entity_type": "venue", "entity_id": .string(fixture.venue), "date": "2026-07-01",
                    "is_available": false,
                ], as: fixture.host)
            #expect(closed.status == 201, "\(closed)")
            #expect(await fixture.bookVenue(try await fixture.event(date: "2026-07-01")).code == "date-unavailable")
            #expect(await fixture.bookVenue(event).code == "event-state", "an event has one venue")
        }
    }

    @Test(arguments: Engine.available)
    func `of eight bookings of a date at once one gets the venue`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            var events: [String] = []
            for _ in 0..<8 { events.append(try await fixture.event()) }
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                for event in events { group.addTask { await fixture.bookVenue(event) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(responses.count { $0.status == 200 } == 1, "\(responses)")
            #expect(responses.count { $0.code == "date-unavailable" } == 7)
            #expect(try await fixture.count("marketplace_event_services") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a declined venue is free again, and so is a cancelled service`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let event = try await fixture.event()
            let booking = try #require(await fixture.bookVenue(event)["event_service_id"]?.string)
            let service = try await fixture.booked(event)
            let declined = await fixture.post("bookings/decline/\(booking)", as: fixture.host)
            #expect(declined["status"] == "cancelled" && declined["event_status"] == "planning", "\(declined)")
            #expect(await fixture.get("events/\(event)", as: fixture.organizer)["data"]?["total_minor"] == 324_000)
            let cancelled = await fixture.call("DELETE", "event-services/\(service)", as: fixture.organizer)
            #expect(cancelled["deleted_id"]?.string == service, "\(cancelled)")
            #expect(await fixture.get("events/\(event)", as: fixture.organizer)["data"]?["total_minor"] == 0)
            #expect(await fixture.bookVenue(try await fixture.event()).status == 200)
            #expect(await fixture.post("bookings/accept/\(service)", as: fixture.provider).code == "service-state")
        }
    }

    @Test(arguments: Engine.available)
    func `a venue that is completed before it was accepted is accepted by it`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let event = try await fixture.event()
            let hall = try #require(await fixture.bookVenue(event)["event_service_id"]?.string)
            let completed = await fixture.post("bookings/complete-service/\(hall)", as: fixture.host)
            #expect(completed["status"] == "completed" && completed["event_status"] == "confirmed", "\(completed)")
            #expect(await fixture.get("events/\(event)", as: fixture.organizer)["data"]?["status"] == "confirmed")
        }
    }

    @Test(arguments: Engine.available)
    func `only the organizer, the assigned vendor and administrators act`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let event = try await fixture.event()
            let service = try await fixture.booked(event)
            let other = try await fixture.app.register("other", role: "service_provider")
            #expect(await fixture.bookVenue(event, as: other).status == 404)
            #expect(await fixture.bookService(event, as: other).status == 404)
            #expect(await fixture.bookService(event, as: fixture.provider).code == "not-the-owner")
            #expect(await fixture.post("events/\(event)/confirm", as: other).status == 404)
            #expect(await fixture.post("events/\(event)/confirm", as: fixture.provider).code == "not-the-owner")
            for path in ["accept", "decline", "complete-service"] {
                #expect(await fixture.post("bookings/\(path)/\(service)", as: other).status == 404)
                let own = await fixture.post("bookings/\(path)/\(service)", as: fixture.organizer)
                #expect(own.status == 403 && own.code == "not-assigned", "\(own)")
            }
            #expect(await fixture.post("bookings/complete-service/\(service)", as: fixture.provider).status == 200)
            let dispute: JSONValue = ["reason": "Cold food"]
            #expect(await fixture.post("bookings/dispute/\(service)", dispute, as: other).status == 404)
            #expect(
                await fixture.post("bookings/dispute/\(service)", dispute, as: fixture.provider).code
                    == "not-the-owner")
            #expect(
                await fixture.call("DELETE", "event-services/\(service)", as: fixture.provider).code
                    == "not-the-owner")
            #expect(await fixture.post("events/\(event)/confirm", as: fixture.administrator).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `a suspended account acts on nothing, and a role that was taken is not used`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let event = try await fixture.event()
            let service = try await fixture.booked(event)
            try await fixture.app.app.identity.accounts.suspend(fixture.provider.id)
            #expect(await fixture.post("bookings/accept/\(service)", as: fixture.provider).status == 401)
            #expect(await fixture.state(of: event) == "planning")
        }
    }

    @Test(arguments: Engine.available)
    func `a completed service is disputed once, and cancelled no more`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let service = try await fixture.booked(try await fixture.event())
            let early = await fixture.post("bookings/dispute/\(service)", ["reason": "x"], as: fixture.organizer)
            #expect(early.status == 409 && early.code == "service-state", "\(early)")
            #expect(await fixture.post("bookings/complete-service/\(service)", as: fixture.provider).status == 200)
            let late = await fixture.call("DELETE", "event-services/\(service)", as: fixture.organizer)
            #expect(late.code == "service-state", "\(late)")
            let disputed = await fixture.post(
                "bookings/dispute/\(service)", ["reason": "Cold food"], as: fixture.organizer)
            #expect(disputed["status"] == "disputed", "\(disputed)")
            let again = await fixture.post("bookings/dispute/\(service)", ["reason": "x"], as: fixture.organizer)
            #expect(again.code == "service-state")
            let id = try #require(disputed["dispute_id"]?.string)
            let seen = await fixture.get("admin/disputes/\(id)", as: fixture.administrator)
            #expect(seen["reason"] == "Cold food" && seen["agreed_price_minor"] == 324_000, "\(seen)")
            #expect(await fixture.get("admin/disputes?status=open", as: fixture.administrator)["total"] == 1)
            #expect(await fixture.get("admin/disputes", as: fixture.organizer).status == 403)
            #expect(
                try await fixture.app.mail(to: fixture.provider.email).map(\.subject).contains(
                    "A service was disputed"))
        }
    }

    @Test(arguments: Engine.available)
    func `an event with bookings keeps its date and guests, and is cancelled instead of deleted`(
        engine: Engine
    ) async throws {
        try await withMarketplace(engine) { fixture in
            let event = try await fixture.event()
            let free = await fixture.call("PUT", "events/\(event)", ["date": "2026-08-01"], as: fixture.organizer)
            #expect(free.status == 200, "\(free)")
            _ = try await fixture.booked(event)
            for members in [["date": "2026-08-02"], ["guest_count": 1]] as [JSONValue] {
                let refused = await fixture.call("PUT", "events/\(event)", members, as: fixture.organizer)
                #expect(refused.status == 409 && refused.code == "in-use", "\(refused)")
            }
            #expect(
                await fixture.call("PUT", "events/\(event)", ["title": "Ours"], as: fixture.organizer).status == 200)
            #expect(await fixture.call("DELETE", "events/\(event)", as: fixture.organizer).code == "in-use")
            #expect(await fixture.call("DELETE", "venues/\(fixture.venue)", as: fixture.host).status == 200)
            #expect(
                await fixture.call("DELETE", "service-providers/\(fixture.providerID)", as: fixture.provider).code
                    == "in-use")
        }
    }

    @Test(arguments: Engine.available)
    func `an event is completed on its day, once its services are`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let event = try await fixture.event(date: nil)
            let service = try await fixture.booked(event)
            #expect(await fixture.post("events/\(event)/confirm", as: fixture.organizer)["status"] == "confirmed")
            let early = await fixture.post("events/\(event)/complete", as: fixture.organizer)
            #expect(early.code == "event-state" && early["open_services"] == [.string(service)], "\(early)")
            #expect(await fixture.post("bookings/complete-service/\(service)", as: fixture.provider).status == 200)
            #expect(await fixture.post("events/\(event)/complete", as: fixture.organizer)["status"] == "completed")
            #expect(await fixture.bookService(event).code == "event-state")
        }
    }
}
