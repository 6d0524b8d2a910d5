import Base
import Billing
import Modules
import TestKit
import TestStripe
import Testing

/// The order in which transactions lock rows. With one order for all of them, PostgreSQL has no deadlocks to resolve.
@Suite struct LockOrderTests {
    /// The tables whose rows are locked, in their order. Docs: the module's page.
    private static let order = [
        "provider_objects", "marketplace_events", "marketplace_event_services", "marketplace_disputes", "payments",
        "refunds", "payouts", "connected_accounts", "marketplace_venues", "marketplace_providers",
    ]

    /// SQLite has one writer and no row locks.
    private static var engines: [Engine] { Engine.available.filter { $0 == .postgres } }

    @Test(arguments: engines)
    func `payments, releases, refunds and decisions lock rows in one order`(engine: Engine) async throws {
        let recorder = LockRecorder()
        try await withMarketplaceMoney(engine, databaseWrapper: recorder.wrap) { money in
            // Begun, changed, paid by the provider's event, released after a refusal, taken back.
            let event = try await money.marketplace.event()
            let service = try await money.marketplace.booked(event)
            _ = await money.createIntent(event)
            _ = try await money.marketplace.booked(event)
            let intent = try #require(await money.createIntent(event)["payment_intent_id"]?.string)
            try money.stripe.pay(intent)
            money.app.clock.advance(by: .minutes(11))
            try await money.app.runJobs()
            try await money.complete(service)
            money.stripe.fail(
                .refused(status: 400, type: "invalid_request_error", code: "balance_insufficient"),
                path: "/v1/transfers")
            for _ in 0..<2 { _ = await money.release(service) }
            let payout = try #require(try await money.payout(of: service)["id"]?.string)
            _ = await money.admin("POST", "payouts/\(payout)/reverse", ["reason": "An error"])
            // Disputed at the bank, disputed here, refunded, cancelled.
            _ = try money.stripe.openDispute(paymentIntent: intent, amount: 1_000)
            money.app.clock.advance(by: .minutes(11))
            try await money.app.runJobs()
            let dispute = try #require(await money.dispute(service)["dispute_id"]?.string)
            _ = await money.admin(
                "POST", "disputes/\(dispute)/resolve", ["resolution": "Decided", "release_funds": false])
            _ = await money.cancel(event)
            // Suspended and approved.
            let (_, second) = try await money.paidService()
            try await money.reserve(second)
            for decision in ["disable-payout", "approve"] {
                _ = await money.admin("POST", "vendors/\(money.marketplace.providerID)/\(decision)", [:])
            }
            try await money.sendReserved()
            money.app.clock.advance(by: .minutes(11))
            try await money.app.runJobs()
            #expect(await money.status(of: second) == "paid")
        }
        let transactions = recorder.transactions.map {
            LockRecorder.tables(lockedBy: $0).filter(Self.order.contains)
        }
        let seen = Set(transactions.joined())
        #expect(seen.isSuperset(of: ["payments", "payouts", "refunds", "marketplace_events", "provider_objects"]))
        for locks in transactions {
            let places = locks.compactMap { Self.order.firstIndex(of: $0) }
            #expect(places == places.sorted(), "\(locks)")
        }
    }

    @Test(arguments: engines)
    func `payments that arrive while their events are cancelled need no retry`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            var intents: [(event: String, intent: String)] = []
            for _ in 0..<6 {
                let event = try await money.marketplace.event()
                _ = try await money.marketplace.booked(event)
                let intent = try #require(await money.createIntent(event)["payment_intent_id"]?.string)
                try money.stripe.pay(intent)
                intents.append((event, intent))
            }
            let database = money.marketplace.database
            let before = database.gauges["postgres_retries_total"]
            await withTaskGroup(of: Void.self) { group in
                for (event, intent) in intents {
                    group.addTask { _ = await money.confirm(intent) }
                    group.addTask { _ = await money.cancel(event) }
                }
            }
            #expect(before != nil && database.gauges["postgres_retries_total"] == before)
            money.app.clock.advance(by: .seconds(10))
            try await money.app.runJobs()
            // Confirmed first, an event is cancelled with the commission; cancelled first, all goes back.
            let balances = try await money.balances()
            #expect(balances[.provider] == -6 * 324_000 && balances[.held] == nil, "\(balances)")
            #expect((balances[.refunded] ?? 0) + (balances[.commission] ?? 0) == 6 * 324_000, "\(balances)")
        }
    }
}
