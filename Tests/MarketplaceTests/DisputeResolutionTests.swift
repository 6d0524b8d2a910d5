import Base
import Billing
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

/// Disputes, holds and amounts: what administrators decide moves the money that they name.
@Suite struct DisputeResolutionTests {
    private func disputed(_ money: MarketplaceMoneyFixture) async throws -> (service: String, dispute: String) {
        let (_, service) = try await money.paidService()
        let dispute = try #require(await money.dispute(service)["dispute_id"]?.string)
        #expect(await money.release(service).code == "service-not-completed")
        return (service, dispute)
    }

    private func resolve(_ dispute: String, releases: Bool, _ money: MarketplaceMoneyFixture) async -> TestResponse {
        await money.admin(
            "POST", "disputes/\(dispute)/resolve", ["resolution": "Decided", "release_funds": .bool(releases)])
    }

    @Test(arguments: Engine.available)
    func `a dispute that is resolved for the vendor pays the vendor`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (service, dispute) = try await disputed(money)
            let review = await money.admin("POST", "disputes/\(dispute)/status", ["status": "under_review"])
            #expect(review["status"] == "under_review", "\(review)")
            let resolved = await resolve(dispute, releases: true, money)
            #expect(resolved.status == 200 && resolved["service_status"] == "paid", "\(resolved)")
            #expect(resolved["release"]?["payout_amount_minor"] == 291_600)
            #expect(await resolve(dispute, releases: false, money).code == "service-state")
            #expect(await money.status(of: service) == "paid")
            #expect(money.transfers.count == 1 && money.refunds.isEmpty)
        }
    }

    @Test(arguments: Engine.available)
    func `a dispute that is resolved for the organizer returns the price whole`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (service, dispute) = try await disputed(money)
            let resolved = await resolve(dispute, releases: false, money)
            #expect(resolved["refund_amount_minor"] == 324_000, "\(resolved)")
            #expect(resolved["refund_status"] == "succeeded")
            #expect(await money.status(of: service) == "cancelled")
            #expect(await money.release(service).code == "service-not-completed")
            #expect(try await money.balances() == [.provider: -324_000, .refunded: 324_000])
        }
    }

    @Test(arguments: Engine.available)
    func `a dispute moves its money once, whatever step fails`(engine: Engine) async throws {
        let loop = FaultLoop.ofEvents
        try await withMarketplaceMoney(engine, databaseWrapper: loop.wrap) { money in
            for (releases, count) in [(true, 20), (false, 5)] {
                let (_, service) = try await money.paidService()
                try await loop.run("opening", on: money.app, atLeast: releases ? 8 : 0) {
                    try await money.dispute(service).require(200, or: "service-state")
                }
                let list = await money.admin("GET", "disputes")
                let dispute = try #require(list["data"]?[0]?["id"]?.string, "\(list)")
                #expect(list["data"]?[0]?["event_service_id"] == .string(service), "\(list)")
                try await loop.run("review", on: money.app, atLeast: releases ? 3 : 0) {
                    try await money.admin("POST", "disputes/\(dispute)/status", ["status": "under_review"])
                        .require(200)
                }
                try await loop.run("resolution", on: money.app, atLeast: count) {
                    try await resolve(dispute, releases: releases, money).require(200)
                }
                // The refund continues with its job.
                money.app.clock.advance(by: .minutes(2))
                try await money.app.runJobs()
                #expect(await money.status(of: service) == (releases ? "paid" : "cancelled"))
            }
            #expect(money.transfers.map(\.amount.minorUnits) == [291_600])
            #expect(money.refunds.map(\.amount.minorUnits) == [324_000])
            #expect(
                try await money.balances()
                    == [.provider: -648_000, .inTransit: 291_600, .commission: 32_400, .refunded: 324_000])
        }
    }

    @Test(arguments: Engine.available)
    func `a payee without an account leaves the dispute open`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine, isOnboarded: false) { money in
            let (service, dispute) = try await disputed(money)
            #expect(await resolve(dispute, releases: true, money).code == "onboarding-required")
            #expect(await money.status(of: service) == "disputed")
            try await money.onboard()
            #expect(await resolve(dispute, releases: true, money).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `a held service is not paid until its hold ends`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, service) = try await money.paidService()
            let held = await money.admin("POST", "bookings/\(event)/hold-payouts", ["reason": "A check"])
            #expect(held["event_service_ids"] == [.string(service)], "\(held)")
            #expect(await money.release(service).code == "service-not-completed")
            let resumed = await money.admin("POST", "bookings/\(event)/resume-payouts")
            #expect(resumed["event_service_ids"] == [.string(service)], "\(resumed)")
            #expect(await money.release(service).status == 200)
        }
    }

    @Test(arguments: Engine.available)
    func `money that a bank has withdrawn before the work was done is not released`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, service) = try await money.paidService(isCompleted: false)
            let list = await money.marketplace.get("payments/\(event)", as: money.organizer)
            let intent = try #require(list["data"]?[0]?["payment_intent_id"]?.string)
            _ = try money.stripe.openDispute(paymentIntent: intent)
            money.app.clock.advance(by: .minutes(11))
            try await money.app.runJobs()
            try await money.complete(service)
            #expect(await money.release(service).code == "event-not-paid")
            #expect(try await money.balances() == [.provider: -324_000, .disputed: 324_000])
        }
    }

    @Test(arguments: Engine.available)
    func `the amounts that administrators see are those of the accounts, one object for each currency`(
        engine: Engine
    ) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, service) = try await money.paidService()
            let (second, _) = try await money.paidService(isCompleted: false)
            #expect(await money.release(service).status == 200)
            #expect(await money.cancel(second).status == 200)
            let overview = await money.admin("GET", "finance/overview")
            #expect(overview["currencies"]?.array?.count == 1, "\(overview)")
            let usd = overview["currencies"]?[0]
            #expect(usd?["currency"] == "usd" && usd?["total_revenue_minor"] == 648_000, "\(overview)")
            #expect(usd?["total_commissions_minor"] == 64_800 && usd?["total_payouts_minor"] == 291_600)
            #expect(usd?["total_refunds_minor"] == 291_600 && usd?["net_platform_revenue_minor"] == 64_800)
            #expect(usd?["total_held_minor"] == 0 && usd?["counts"]?["payments"] == 2, "\(overview)")
            let summary = await money.admin("GET", "bookings/\(event)/finance-summary")
            #expect(summary["total_paid_minor"] == 324_000 && summary["total_released_minor"] == 291_600, "\(summary)")
            #expect(summary["total_commission_minor"] == 32_400 && summary["payments"]?.array?.count == 1)
            let payments = await money.admin("GET", "payments?purpose=event")
            #expect(payments["total"] == 2, "\(payments)")
            #expect(await money.marketplace.get("admin/finance/overview", as: money.organizer).status == 403)
        }
    }
}
