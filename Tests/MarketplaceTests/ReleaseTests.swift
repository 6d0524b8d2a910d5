import Base
import Billing
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

/// Releases: a service is paid once, whatever happens at once and whatever fails.
@Suite struct ReleaseTests {
    @Test(arguments: Engine.available)
    func `a completed service is approved by its organizer and paid to the connected account`(
        engine: Engine
    ) async throws {
        try await withMarketplaceMoney(engine, isOnboarded: false) { money in
            let (_, service) = try await money.paidService(isCompleted: false)
            let early = await money.release(service)
            #expect(early.status == 409 && early.code == "service-not-completed", "\(early)")
            #expect(early["error"] == "Service must be completed before payment release")
            try await money.complete(service)
            let other = try await money.app.register("other")
            let unknown = await money.release(service, as: other)
            #expect(unknown.status == 404 && unknown["detail"] == "Event service not found", "\(unknown)")
            #expect(await money.release(service, as: money.provider).code == "not-the-owner")
            let missing = await money.release(service)
            #expect(missing.status == 409 && missing["onboarding_required"] == true, "\(missing)")
            #expect(money.transfers.isEmpty)

            try await money.onboard()
            let released = await money.post("bookings/approve-completion/\(service)")
            #expect(released.status == 200 && released["success"] == true, "\(released)")
            #expect(released["payout_amount"]?.number == 2_916 && released["commission"]?.number == 324)
            #expect(released["already_released"] == false)
            let transfer = try #require(money.transfers.first)
            #expect(released["transfer_id"]?.string == transfer.id)
            #expect(transfer.amount.minorUnits == 291_600)
            let again = await money.release(service)
            #expect(again.status == 200 && again["already_released"] == true, "\(again)")
            #expect(again["transfer_id"] == released["transfer_id"])
            #expect(money.transfers.count == 1)
            #expect(await money.status(of: service) == "paid")
            #expect(try await money.balances() == [.provider: -324_000, .inTransit: 291_600, .commission: 32_400])
            #expect(await money.dispute(service).code == "service-state")
        }
    }

    @Test(arguments: Engine.available)
    func `an event is not paid with the money of another one`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            _ = try await money.paidService()
            let service = try await money.marketplace.booked(try await money.marketplace.event())
            try await money.complete(service)
            let refused = await money.release(service)
            #expect(refused.status == 409 && refused.code == "event-not-paid", "\(refused)")
            #expect(await money.status(of: service) == "completed")
            #expect(money.transfers.isEmpty)
        }
    }

    @Test(arguments: Engine.available)
    func `of eight releases at once one transfers, and all tell it`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (_, service) = try await money.paidService()
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                for _ in 0..<8 { group.addTask { await money.release(service) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(responses.allSatisfy { $0.status == 200 }, "\(responses)")
            #expect(responses.count { $0["already_released"] == false } == 1, "\(responses)")
            #expect(Set(responses.compactMap { $0["transfer_id"]?.string }).count == 1)
            #expect(money.transfers.count == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `a definite refusal leaves the service unchanged, and the next attempt has another key`(
        engine: Engine
    ) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (_, service) = try await money.paidService()
            money.stripe.fail(
                .refused(status: 400, type: "invalid_request_error", code: "balance_insufficient"),
                path: "/v1/transfers")
            let refused = await money.release(service)
            #expect(refused.status == 402 && refused.code == "transfer-failed", "\(refused)")
            #expect(refused["detail"]?.string?.hasPrefix("Payment transfer failed: ") == true)
            #expect(await money.status(of: service) == "completed")
            #expect(try await money.balances() == [.provider: -324_000, .held: 324_000])
            #expect(await money.release(service)["already_released"] == false)
            #expect(money.transfers.count == 1)
            let keys = try await money.marketplace.database.read {
                try $0.all("SELECT idempotency_key FROM payout_attempts ORDER BY number") { row -> String in
                    try row["idempotency_key"]
                }
            }
            #expect(keys == ["release_payment:\(service)", "release_payment:\(service):2"])
        }
    }

    @Test(arguments: Engine.available)
    func `a lost response is looked up, and the service is paid once`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (event, service) = try await money.paidService()
            money.stripe.fail(next: 20, .lostAfterEffect, path: "/v1/transfers")
            let lost = await money.release(service)
            #expect(lost.status == 202 && lost["already_processing"] == true, "\(lost)")
            #expect(await money.status(of: service) == "completed")
            #expect(await money.cancel(event).code == "release-in-progress")
            #expect(await money.dispute(service).code == "release-in-progress")
            money.stripe.stopFailing()
            money.app.clock.advance(by: .minutes(2))
            try await money.app.runJobs()
            #expect(await money.release(service)["already_released"] == true)
            #expect(money.transfers.count == 1)
            #expect(try await money.balances() == [.provider: -324_000, .inTransit: 291_600, .commission: 32_400])
        }
    }

    @Test(arguments: Engine.available)
    func `a release that stops at any step is transferred once`(engine: Engine) async throws {
        let loop = FaultLoop.ofEvents
        try await withMarketplaceMoney(engine, databaseWrapper: loop.wrap) { money in
            let (_, service) = try await money.paidService()
            try await loop.run("release", on: money.app, atLeast: 20) {
                try await money.release(service).require(200)
            } between: {
                #expect(money.transfers.count <= 1)
            }
            #expect(money.transfers.count == 1)
            #expect(try await money.balances() == [.provider: -324_000, .inTransit: 291_600, .commission: 32_400])
            #expect(
                try await money.app.mail(to: money.provider.email).count { $0.subject == "You were paid" } == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `whatever the provider does, each service is paid once`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let event = try await money.marketplace.event()
            var services: [String] = []
            for _ in 0..<6 { services.append(try await money.marketplace.booked(event)) }
            try await money.pay(event)
            for service in services { try await money.complete(service) }
            money.stripe.failAtRandom(thousandths: 500, seed: 7)
            for service in services {
                let response = await money.release(service)
                #expect([200, 202, 402].contains(response.status), "\(response)")
            }
            money.stripe.stopFailing()
            money.app.clock.advance(by: .minutes(6))
            try await money.app.runJobs()
            for service in services {
                #expect(await money.release(service).status == 200)
                #expect(await money.status(of: service) == "paid")
            }
            #expect(money.transfers.count == services.count)
            #expect(
                try await money.balances()
                    == [.provider: -6 * 324_000, .inTransit: 6 * 291_600, .commission: 6 * 32_400])
        }
    }

    @Test(arguments: Engine.available)
    func `a release and a dispute at once: the service is paid or disputed`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (_, service) = try await money.paidService()
            async let release = money.release(service)
            async let dispute = money.dispute(service)
            let (released, disputed) = await (release, dispute)
            #expect((released.status == 200) != (disputed.status == 200), "\(released) \(disputed)")
            #expect(await money.status(of: service) == (released.status == 200 ? "paid" : "disputed"))
            #expect(money.transfers.count == (released.status == 200 ? 1 : 0))
        }
    }

    @Test(arguments: Engine.available)
    func `a suspended vendor is not paid`(engine: Engine) async throws {
        try await withMarketplaceMoney(engine) { money in
            let (_, service) = try await money.paidService()
            let path = "vendors/\(money.marketplace.providerID)"
            #expect(await money.admin("POST", "\(path)/disable-payout", [:]).status == 200)
            #expect(await money.release(service).code == "payouts-disabled")
            #expect(await money.admin("POST", "\(path)/approve", [:]).status == 200)
            #expect(await money.release(service).status == 200)
        }
    }
}
