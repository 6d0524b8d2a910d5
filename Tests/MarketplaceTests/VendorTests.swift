import Base
import Modules
import TestKit
import Testing

/// The approval of vendors, and the listing that organizers see.
@Suite struct VendorTests {
    @Test(arguments: Engine.available)
    func `administrators alone approve, and the owner gets an e-mail after the commit`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            let venue = try await fixture.create("venues", MarketplaceFixture.venue(["name": "Loft"]), as: fixture.host)
            #expect(await fixture.get("venues/\(venue)", as: fixture.organizer).status == 404)
            for person in [fixture.host, fixture.organizer, fixture.provider] {
                let refused = await fixture.post("admin/vendors/\(venue)/approve", as: person)
                #expect(refused.status == 403 && refused.code == "insufficient-role", "\(refused)")
            }
            let asked = await fixture.post(
                "admin/vendors/\(venue)/needs-changes", ["note": "Add photos."], as: fixture.administrator)
            #expect(asked["status"] == "needs_changes", "\(asked)")
            #expect(await fixture.get("venues/\(venue)", as: fixture.host)["data"]?["review_note"] == "Add photos.")
            let changed = await fixture.call(
                "PUT", "venues/\(venue)", ["photos": ["https://example.org/a.jpg"]], as: fixture.host)
            #expect(changed["data"]?["status"] == "pending", "\(changed)")
            let approved = await fixture.post("admin/vendors/\(venue)/approve", as: fixture.administrator)
            #expect(approved["status"] == "approved", "\(approved)")
            let again = await fixture.post("admin/vendors/\(venue)/approve", as: fixture.administrator)
            #expect(again.status == 409 && again.code == "vendor-state", "\(again)")
            #expect(await fixture.get("venues/\(venue)", as: fixture.organizer).status == 200)
            let suspended = await fixture.post("admin/vendors/\(venue)/disable-payout", as: fixture.administrator)
            #expect(suspended["status"] == "suspended", "\(suspended)")
            #expect(await fixture.get("venues/\(venue)", as: fixture.organizer).status == 404)
            // Changing a suspended business does not end the suspension.
            let later = await fixture.call("PUT", "venues/\(venue)", ["description": "New"], as: fixture.host)
            #expect(later["data"]?["status"] == "suspended")
            let subjects = try await fixture.app.mail(to: fixture.host.email).map(\.subject)
            #expect(subjects.count { $0 == "A decision about your business" } == 4, "\(subjects)")
            #expect(try await fixture.audited("vendor.approved") == 3)
        }
    }

    @Test(arguments: Engine.available)
    func `an administrator decides about no business of an organisation that they belong to`(
        engine: Engine
    ) async throws {
        try await withMarketplace(engine) { fixture in
            let administrator = fixture.administrator
            let own = try await fixture.create("venues", MarketplaceFixture.venue(), as: administrator)
            let hosts = try await fixture.create("venues", MarketplaceFixture.venue(), as: fixture.host)
            try await fixture.database.write { transaction in
                try transaction.execute(
                    """
                    INSERT INTO memberships (organisation_id, person_id, role, created_at)
                    VALUES (\(fixture.host.organisation), \(administrator.id), 'member', \(transaction.now))
                    """
                )
            }
            for venue in [own, hosts] {
                for decision in ["approve", "disable-payout"] {
                    let refused = await fixture.post("admin/vendors/\(venue)/\(decision)", as: administrator)
                    #expect(refused.status == 403 && refused.code == "own-vendor", "\(refused)")
                }
            }
            let second = try await fixture.app.administrator()
            #expect(await fixture.post("admin/vendors/\(own)/approve", as: second)["status"] == "approved")
        }
    }

    @Test(arguments: Engine.available)
    func `the listing filters before it pages, and counts all`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            for (name, city, capacity, price) in [
                ("A", "Berlin", 50, 100.0), ("B", "Berlin", 200, 300.0), ("C", "Munich", 300, 500.0),
            ] {
                let venue = try await fixture.create(
                    "venues",
                    MarketplaceFixture.venue([
                        "name": .string(name), "city": .string(city), "capacity": .integer(Int64(capacity)),
                        "price": .number(price), "amenities": name == "B" ? ["wifi"] : [],
                    ]), as: fixture.host)
                #expect(
                    await fixture.post("admin/vendors/\(venue)/approve", as: fixture.administrator).status == 200)
            }
            _ = try await fixture.create("venues", MarketplaceFixture.venue(["name": "Pending"]), as: fixture.host)
            /// The count, and the names of the page.
            func list(_ query: String) async -> [String] {
                let response = await fixture.get("marketplace/venues?\(query)", as: fixture.organizer)
                let names = response["data"]?.array?.compactMap { $0["name"]?.string } ?? []
                return [response["count"]?.integer.map(String.init) ?? "\(response)"] + names
            }
            #expect(await list("sort_by=capacity&limit=2") == ["4", "C", "B"])
            #expect(await list("city=berlin&sort_by=capacity") == ["3", "B", "Garden Hall", "A"])
            #expect(await list("min_capacity=100&max_capacity=200&sort_by=capacity") == ["2", "B", "Garden Hall"])
            #expect(await list("min_price=300&max_price=500&sort_by=capacity") == ["2", "C", "B"])
            #expect(await list("amenities=WIFI,parking") == ["1", "Garden Hall"])
            #expect(await list("amenities=wifi%25") == ["0"])
            #expect(await list("venue_type=barn") == ["0"])
            #expect(await list("min_rating=1") == ["0"])
            try await fixture.database.write { transaction in
                try transaction.execute(
                    "UPDATE marketplace_venues SET rating_sum = 9, rating_count = 2 WHERE name = 'A'")
            }
            #expect(await list("min_rating=4.5&limit=1") == ["1", "A"])
            #expect(await list("min_rating=4.51") == ["0"])
            #expect(await list("sort_by=rating&limit=1") == ["4", "A"])
            try await fixture.database.write { transaction in
                try transaction.execute("UPDATE marketplace_venues SET rating_sum = 0, rating_count = 0")
            }
            #expect(await fixture.get("marketplace/venues?limit=101", as: fixture.organizer).status == 422)
            #expect(await fixture.get("venues?_mine=true", as: fixture.host)["total"] == 5)
        }
    }

    @Test(arguments: Engine.available)
    func `services are listed with the offers of approved providers`(engine: Engine) async throws {
        try await withMarketplace(engine) { fixture in
            func list(_ query: String) async -> TestResponse {
                await fixture.get("marketplace/services?\(query)", as: fixture.organizer)
            }
            let found = await list("service_type=food&city=potsdam&min_price=40&max_price=41")
            #expect(found["count"] == 1 && found["data"]?[0]?["name"] == "Catering", "\(found)")
            let offer = found["data"]?[0]?["providers"]?[0]
            #expect(offer?["business_name"] == "Good Food" && offer?["price_minor"] == 4050, "\(found)")
            for query in ["city=hamburg", "min_price=41", "service_type=music", "min_rating=3"] {
                #expect(await list(query)["count"] == 0, "\(query)")
            }
            #expect(
                await fixture.post("admin/vendors/\(fixture.providerID)/disable-payout", as: fixture.administrator)
                    .status == 200)
            #expect(await list("city=berlin")["count"] == 0)
            #expect(await list("")["data"]?[0]?["providers"] == [])
        }
    }
}
