import Base
import Modules
import TestKit
import Testing

/// The generic endpoints: rights, fields, lists and their totals.
@Suite struct ResourceTests {
    @Test(arguments: Engine.available)
    func `a row is created, read, changed and deleted, and each change is audited`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let (before, owner) = (try await fixture.audited("crud_create"), fixture.organizer)
            let id = try await fixture.create(
                "documents", ["name": "Contract", "url": "https://example.org/contract.pdf"], as: owner)
            let document = await fixture.get("documents/\(id)", as: owner)
            #expect(document.status == 200 && document["success"] == true, "\(document)")
            #expect(document["data"]?["name"] == "Contract" && document["data"]?["is_own"] == true)
            let changed = await fixture.call("PUT", "documents/\(id)", ["name": "Signed contract"], as: owner)
            #expect(changed["data"]?["name"] == "Signed contract", "\(changed)")
            #expect(changed["data"]?["url"] == "https://example.org/contract.pdf")
            let cleared = await fixture.call("PUT", "documents/\(id)", ["url": .null], as: owner)
            #expect(cleared.status == 200 && cleared["data"]?["url"] == nil)
            let deleted = await fixture.call("DELETE", "documents/\(id)", as: owner)
            #expect(deleted["deleted_id"]?.string == id && deleted["success"] == true, "\(deleted)")
            #expect(await fixture.get("documents/\(id)", as: owner).status == 404)
            #expect(try await fixture.audited("crud_create") == before + 1)
            #expect(try await fixture.audited("crud_update") == 2)
            #expect(try await fixture.audited("crud_delete") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `clients set no state, no owner, no price of a booking and no member that the server sets`(
        engine: Engine
    ) async throws {
        try await withMarketplace(engine) { fixture in
            let event = try await fixture.event()
            let booking = try await fixture.booked(event)
            for (person, path, members) in [
                (fixture.host, "venues/\(fixture.venue)", ["status": "approved"]),
                (fixture.host, "venues/\(fixture.venue)", ["organisation_id": .string(fixture.organizer.organisation)]),
                (fixture.host, "venues/\(fixture.venue)", ["avg_rating": 5]),
                (fixture.provider, "service-providers/\(fixture.providerID)", ["status": "approved"]),
                (fixture.provider, "service-providers/\(fixture.providerID)", ["stripe_account_id": "acct_1"]),
                (fixture.organizer, "events/\(event)", ["status": "completed"]),
                (fixture.organizer, "events/\(event)", ["total": 1]),
                (fixture.organizer, "event-services/\(booking)", ["agreed_price": 1]),
                (fixture.organizer, "event-services/\(booking)", ["status": "paid"]),
                (fixture.organizer, "event-services/\(booking)", ["approved_at": "2026-01-01T00:00:00Z"]),
            ] as [(TestPerson, String, [String: JSONValue])] {
                let response = await fixture.call("PUT", path, .object(members), as: person)
                #expect(response.status == 422 && response.code == "validation-failed", "\(path): \(response)")
            }
            let own = await fixture.post(
                "venues", MarketplaceFixture.venue(["status": "approved"]), as: fixture.host)
            #expect(own.status == 422, "\(own)")
            let record = await fixture.post("favorites", ["id": "x", "user_id": "y"], as: fixture.organizer)
            #expect(record.status == 422, "\(record)")
        }
    }

    @Test(arguments: Engine.available)
    func `only members of the row's organisation change it, and private rows of others are not found`(
        engine: Engine
    ) async throws {
        try await withMarketplace(engine) { fixture in
            let other = try await fixture.app.register("other", role: "venue_owner")
            let event = try await fixture.event()
            let record = try await fixture.create("reminders", ["text": "Call"], as: fixture.organizer)
            for path in ["venues/\(fixture.venue)", "events/\(event)", "reminders/\(record)"] {
                for (method, body) in [("PUT", [:]), ("DELETE", nil)] as [(String, JSONValue?)] {
                    let response = await fixture.call(method, path, body, as: other)
                    let isPublic = path.hasPrefix("venues/")
                    #expect(
                        response.code == (isPublic ? "not-the-owner" : "not-found"), "\(method) \(path): \(response)")
                    #expect(response.status == (isPublic ? 403 : 404))
                }
            }
            #expect(await fixture.get("venues/\(fixture.venue)", as: other).status == 200)
            for path in ["events/\(event)", "reminders/\(record)"] {
                #expect(await fixture.get(path, as: other).status == 404)
                #expect(await fixture.get(path, as: fixture.administrator).status == 200)
            }
            for path in ["events", "reminders", "documents", "event-services"] {
                #expect(await fixture.get(path, as: other)["total"] == 0, "\(path)")
                #expect(await fixture.app.call("GET", "/api/\(path)").status == 401)
            }
            let venue = await fixture.get("venues/\(fixture.venue)", as: other)
            #expect(venue["data"]?["organisation_id"] == nil && venue["data"]?["is_own"] == false)
            #expect(!venue.text.contains(fixture.host.organisation) && !venue.text.contains(fixture.host.id.text))
        }
    }

    @Test(arguments: Engine.available)
    func `amounts that are too large or cannot be paid, and numbers that lose digits, are refused by their reason`(
        engine: Engine
    ) async throws {
        try await withMarketplace(engine) { fixture in
            let refusals: [(price: JSONValue, currency: JSONValue, reason: String)] = [
                (.number(1e30), "usd", "must be at most 1000000000.00 USD"),
                (.number(10.001), "usd", "must have at most 2 decimals in usd"),
                (.number(10.001), "kwd", "must be a multiple of 0.010 KWD"),
            ]
            for (price, currency, reason) in refusals {
                let refused = await fixture.post(
                    "venues", MarketplaceFixture.venue(["price": price, "currency": currency]), as: fixture.host)
                #expect(refused["errors"]?[0]?["pointer"] == "/price", "\(refused)")
                #expect(refused["errors"]?[0]?["detail"] == .string(reason), "\(refused)")
            }
            let kept = await fixture.post(
                "venues", MarketplaceFixture.venue(["price": 10.01, "currency": "kwd"]), as: fixture.host)
            #expect(kept["data"]?["price_minor"] == 10_010, "\(kept)")
            let search = await fixture.app.call(
                "GET", "/v1/marketplace/venues?min_price=9223372036854775807", token: fixture.organizer.token)
            #expect(search.status == 422 && search.text.contains("at most 18 digits"), "\(search)")
            let record = await fixture.app.call(
                "POST", "/api/reminders", body: ("application/json", Array(#"{"n":12345678901234567890}"#.utf8)),
                token: fixture.organizer.token)
            #expect(record.status == 422 && record.text.contains("more than 64 bits"), "\(record)")
        }
    }

    @Test(arguments: Engine.available)
    func `roles decide who creates businesses, and of each provider there is one an organisation`(
        engine: Engine
    ) async throws {
        try await withMarketplace(engine) { fixture in
            for (path, body) in [
                ("venues", MarketplaceFixture.venue()),
                ("service-providers", ["business_name": "Mine", "location_city": "Berlin"]),
                ("services", ["name": "Music", "category": "music"]),
            ] as [(String, JSONValue)] {
                let refused = await fixture.post(path, body, as: fixture.organizer)
                #expect(refused.status == 403 && refused.code == "insufficient-role", "\(refused)")
            }
            let second = await fixture.post(
                "service-providers", ["business_name": "Second", "location_city": "Berlin"], as: fixture.provider)
            #expect(second.status == 409 && second.code == "already-exists", "\(second)")
            let name = await fixture.post("services", ["name": " cATERing ", "category": "food"], as: fixture.provider)
            #expect(name.status == 409, "\(name)")
            let offer = await fixture.post(
                "service-provider-services", ["service_id": .string(fixture.service), "price": 1],
                as: fixture.provider)
            #expect(offer.status == 409, "\(offer)")
        }
    }

    @Test(arguments: Engine.available)
    func `lists are filtered, sorted and paged, and their total counts all pages`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let owner = fixture.organizer
            for index in 1...7 {
                _ = try await fixture.create(
                    "events",
                    [
                        "event_type": index.isMultiple(of: 2) ? "gala" : "party", "title": .string("Event \(index)"),
                        "guest_count": .integer(Int64(index * 10)),
                    ], as: owner)
            }
            let page = await fixture.get("events?_limit=3&_sort=-guest_count", as: owner)
            #expect(page["total"] == 7 && page.headers["x-total-count"] == "7", "\(page)")
            #expect(page["data"]?.array?.compactMap { $0["guest_count"]?.integer } == [70, 60, 50])
            let next = await fixture.get("events?_limit=3&_offset=3&_sort=-guest_count", as: owner)
            #expect(next["data"]?.array?.compactMap { $0["guest_count"]?.integer } == [40, 30, 20])
            let filtered = await fixture.get("events?event_type=gala&_limit=2", as: owner)
            #expect(filtered["total"] == 3 && filtered["data"]?.array?.count == 2)
            let found = await fixture.get("events/search?q=EVENT%207", as: owner)
            #expect(found["total"] == 1, "\(found)")
            #expect(await fixture.get("events/search?q=%25", as: owner)["total"] == 0)
            #expect(await fixture.get("events?_sort=person_id", as: owner).status == 422)
            #expect(await fixture.get("events?_limit=501", as: owner).status == 422)
            #expect(await fixture.get("events?status=nothing", as: owner).status == 422)
        }
    }

    @Test(arguments: Engine.available)
    func `free-form records keep any bounded JSON, and are filtered and sorted by their members`(
        engine: Engine
    ) async throws {
        try await withMarketplace(engine) { fixture in
            let owner = fixture.organizer
            for (name, rank) in [("b", 2), ("a", 1), ("c", 3)] {
                _ = try await fixture.create(
                    "event-checklists",
                    [
                        "name": .string(name), "rank": .integer(Int64(rank)), "done": false,
                        "items": [["text": "Tents"]],
                    ],
                    as: owner)
            }
            let sorted = await fixture.get("event-checklists?_sort=name", as: owner)
            #expect(sorted["data"]?.array?.compactMap { $0["name"]?.string } == ["a", "b", "c"], "\(sorted)")
            #expect(await fixture.get("event-checklists?rank=2&done=false", as: owner)["total"] == 1)
            #expect(await fixture.get("event-checklists/search?q=tents", as: owner)["total"] == 3)
            let id = try #require(sorted["data"]?[0]?["id"]?.string)
            let changed = await fixture.call(
                "PUT", "event-checklists/\(id)", ["rank": 9, "done": .null], as: owner)
            #expect(changed["data"]?["rank"] == 9 && changed["data"]?["done"] == nil, "\(changed)")
            #expect(changed["data"]?["items"]?[0]?["text"] == "Tents")
            #expect(await fixture.get("event-checklists?rank=9", as: owner)["total"] == 1)
            #expect(await fixture.get("event-checklists?rank=1", as: owner)["total"] == 0)
            #expect(await fixture.call("DELETE", "event-checklists/\(id)", as: owner).status == 200)
            #expect(try await fixture.count("marketplace_record_fields WHERE record_id = \(id)") == 0)
            // Each kind has records of its own.
            #expect(await fixture.get("reminders", as: owner)["total"] == 0)
            var deep: JSONValue = "x"
            for _ in 0..<20 { deep = [deep] }
            for body in [
                ["deep": deep], ["long": .string(String(repeating: "x", count: 20_000))], ["nul": "a\0b"],
            ] as [JSONValue] {
                let response = await fixture.post("event-checklists", body, as: owner)
                #expect(response.status == 422, "\(response)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `the spelling below api decides where another route owns the path`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let token = fixture.organizer.token
            let plan = try await fixture.create("plans", ["name": "Mine"], as: fixture.organizer)
            let own = await fixture.app.call("GET", "/api/plans", token: token)
            #expect(own["data"]?[0]?["id"]?.string == plan, "\(own)")
            for path in ["/v1/plans", "/api/v1/plans", "/plans"] {
                let catalogue = await fixture.app.call("GET", path, token: token)
                #expect(catalogue["plans"]?.array?.isEmpty == false, "\(path): \(catalogue)")
            }
            #expect(await fixture.app.call("GET", "/v1/marketplace/plans", token: token)["total"] == 1)
            #expect(await fixture.app.call("GET", "/api/messages", token: token).status == 200)
            #expect(await fixture.app.call("GET", "/v1/messages", token: token)["total"] == nil)
            #expect(await fixture.app.call("PATCH", "/api/venues", token: token).status == 405)
        }
    }

    @Test(arguments: Engine.available)
    func `amounts have the decimals of their currency, and come with minor units`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            func venue(_ price: JSONValue, _ currency: String) async -> TestResponse {
                await fixture.post(
                    "venues", MarketplaceFixture.venue(["price": price, "currency": .string(currency)]),
                    as: fixture.host)
            }
            let dollars = await venue(19.99, "USD")
            #expect(dollars["data"]?["price"]?.number == 19.99 && dollars["data"]?["price_minor"] == 1999)
            #expect(dollars["data"]?["currency"] == "usd", "\(dollars)")
            #expect(await venue(500, "jpy")["data"]?["price_minor"] == 500)
            #expect(await venue(1.23, "kwd")["data"]?["price_minor"] == 1230)
            for (price, currency) in [
                (19.999, "usd"), (1.5, "jpy"), (-1, "usd"), (1e15, "usd"), ("19.99", "usd"), (1, "euros"),
            ] as [(JSONValue, String)] {
                #expect(await venue(price, currency).status == 422, "\(price) \(currency)")
            }
            // A price stays in the currency of its minor units.
            let changed = await fixture.call(
                "PUT", "venues/\(fixture.venue)", ["currency": "jpy"], as: fixture.host)
            #expect(changed.status == 422, "\(changed)")
        }
    }
}
