import Base
import Billing
import Modules
import TestKit
import TestStripe
import Testing

/// Vendors whose payouts are disabled: what is not sent yet is held, and is sent when they are approved again.
@Suite struct VendorSuspensionTests {
    private func decide(_ decision: String, _ money: MarketplaceMoneyFixture) async -> TestResponse {
        await money.admin("POST", "vendors/\(money.marketplace.providerID)/\(decision)", [:])
    }

    @Test(arguments: Engine.available)
    func `disabling payouts holds what is reserved, and the next approval sends it`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (_, service) = try await money.paidService()
            try await money.reserve(service)
            #expect(await decide("disable-payout", money).status == 200)
            let held = try await money.payout(of: service)
            #expect(held["state"] == "held" && held["held_for"] == "marketplace.vendor", "\(held)")
            try await money.sendReserved()
            let refused = await money.release(service)
            #expect(refused.status == 409 && refused.code == "payout-held", "\(refused)")
            #expect(money.transfers.isEmpty)

            #expect(await decide("approve", money).status == 200)
            #expect(try await money.payout(of: service)["state"] == "reserved")
            try await money.sendReserved()
            #expect(money.transfers.count == 1)
            #expect(await money.status(of: service) == "paid")
        }
    }

    @Test(arguments: Engine.available)
    func `an approval ends no other hold, and a suspended vendor is not paid by one`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (_, service) = try await money.paidService()
            try await money.reserve(service)
            let id = try #require(try await money.payout(of: service)["id"]?.string)
            #expect(await money.admin("POST", "payouts/\(id)/hold", ["reason": "A check"]).status == 200)
            #expect(await decide("disable-payout", money).status == 200)
            #expect(await decide("approve", money).status == 200)
            #expect(try await money.payout(of: service)["held_for"] == "administrator")
            // While the vendor is suspended, the end of another hold does not pay it.
            #expect(await decide("disable-payout", money).status == 200)
            let approved = await money.admin("POST", "payouts/\(id)/approve")
            #expect(approved["state"] == "held" && approved["held_for"] == "marketplace.vendor", "\(approved)")
            #expect(money.transfers.isEmpty)
            #expect(await decide("approve", money).status == 200)
            try await money.sendReserved()
            #expect(money.transfers.count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `of a release and a suspension at once the vendor is paid, or nothing is sent`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (_, service) = try await money.paidService()
            async let release = money.release(service)
            async let suspension = decide("disable-payout", money)
            let (released, suspended) = await (release, suspension)
            #expect(suspended.status == 200, "\(suspended)")
            #expect([200, 409].contains(released.status), "\(released)")
            try await money.sendReserved()
            #expect(money.transfers.count == (released.status == 200 ? 1 : 0), "\(released)")
            #expect(await decide("approve", money).status == 200)
            try await money.sendReserved()
            #expect(await money.release(service).status == 200)
            #expect(money.transfers.count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `of two decisions at once one holds the payout`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (_, service) = try await money.paidService()
            try await money.reserve(service)
            let second = try await money.app.administrator()
            let path = "/v1/admin/vendors/\(money.marketplace.providerID)/disable-payout"
            async let first = decide("disable-payout", money)
            async let other = money.app.call("POST", path, json: [:], token: second.token)
            let codes = await [first.status, other.status].sorted()
            #expect(codes == [200, 409])
            #expect(try await money.marketplace.audited("payout.held") == 1)
            #expect(try await money.payout(of: service)["held_for"] == "marketplace.vendor")
        }
    }

    @Test(arguments: Engine.available)
    func `the hold of an event's payouts ends with the hold of the event`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, service) = try await money.paidService()
            try await money.reserve(service)
            let held = await money.admin("POST", "bookings/\(event)/hold-payouts", ["reason": "A check"])
            #expect(held["event_service_ids"] == [.string(service)], "\(held)")
            #expect(try await money.payout(of: service)["held_for"] == "marketplace.event")
            try await money.sendReserved()
            #expect(money.transfers.isEmpty)
            let resumed = await money.admin("POST", "bookings/\(event)/resume-payouts")
            #expect(resumed["event_service_ids"] == [.string(service)], "\(resumed)")
            try await money.sendReserved()
            #expect(money.transfers.count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a suspension that stops at any statement holds the payout with the vendor or not at all`(
        engine: Engine
    ) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withMarketplaceMoney(engine, databaseWrapper: faults.wrap) { money in
            let (_, service) = try await money.paidService()
            try await money.reserve(service)
            let count = try await faults.failEachStatement { _ in
                let response = await decide("disable-payout", money)
                guard response.status == 200 else { throw UnexpectedResponse(response) }
            } check: { _ in
                let isSuspended = try await money.marketplace.count("marketplace_providers WHERE status = 'suspended'")
                let isHeld = try await money.marketplace.count("payouts WHERE held_for = 'marketplace.vendor'")
                #expect(isSuspended == isHeld)
                try await money.marketplace.requireInvariants()
            }
            #expect(count >= 8)
            #expect(try await money.payout(of: service)["state"] == "held")
        }
    }
}
