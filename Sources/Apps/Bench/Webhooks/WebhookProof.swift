import App
import Billing
import Foundation
import Identity
import Modules
import Stripe
import TestKit
import TestStripe

/// Two receivers of the provider's webhooks, which are shuffled, repeated up to three times, dropped, and delayed by
/// days, while customers pay, fail to pay and get their money back. In the end every payment and refund is as the
/// provider has it, none has moved back, and the ledger equals what the provider has counted.
struct WebhookProof {
    let folder: String
    let database: String
    let engine: ProveCommand.Engine
    /// At least.
    let deliveries: Int
    let seed: UInt64

    private static let receivers = 2
    /// Payments that begin in a round. A round is about a day.
    private static let batch = 250
    /// Requests at once.
    private static let width = 32

    /// - Returns: the number of violations.
    func run(_ write: (String) -> Void) async throws -> Int {
        write("\(engine): \(deliveries) deliveries to \(Self.receivers) receivers; seed \(seed)")
        let (clock, log) = (OffsetClock(), TransitionLog())
        let stripe = try await TestStripeServer.start(now: { clock.now })
        var receivers: [WebhookReceiver] = []
        for _ in 0..<Self.receivers {
            receivers.append(try await WebhookReceiver(folder: folder, database: database, stripe, clock, log))
        }
        let account = try await receivers[0].app.registerSubscriber(Accounts.email(0), plan: "free")
        guard let payer = ID<Organisation>(account.organisation) else {
            throw UnexpectedStatus(path: "register", status: 0)
        }
        var random = SplitMix(seed: seed)
        let started = ContinuousClock.now
        var (accepted, refused, payments, round) = (0, 0, 0, 0)
        while accepted < deliveries {
            round += 1
            clock.set(offset: .hours(Int64(round) * 20))
            try await begin(payments..<(payments + Self.batch), payer, receivers)
            payments += Self.batch
            act(stripe, &random)
            var plan = TestStripeDelivery()
            (plan.copiesMax, plan.isShuffled, plan.seed) = (3, true, random.next())
            (plan.dropped, plan.delayed) = (30, 300)
            let results = await deliver(stripe.webhooks(plan), to: receivers)
            accepted += results.accepted
            refused += results.refused
            try await runJobs(of: receivers)
        }
        // What is delayed is delivered, and a last poll finds what was dropped.
        for _ in 0..<2 {
            round += 1
            clock.set(offset: .hours(Int64(round) * 20))
            var plan = TestStripeDelivery()
            plan.isShuffled = true
            let results = await deliver(stripe.webhooks(plan), to: receivers)
            accepted += results.accepted
            try await runJobs(of: receivers)
        }
        let rate = Double(accepted) / (ContinuousClock.now - started).inSeconds
        var faults = try await allInvariants.faults(in: receivers[0].app.database)
        faults += try await compare(receivers[0].app, stripe, payer) + log.faults
        if refused > 0 { faults.append("\(refused) deliveries were refused") }
        for fault in faults.prefix(20) { write("  ✘ \(fault)") }
        write(
            """
              deliveries \(accepted) (\(Int(rate)) a second with all jobs), payments \(payments), rounds \(round)
              violations \(faults.count)
            """)
        for receiver in receivers { await receiver.app.close() }
        await stripe.stop()
        return faults.count
    }

    // MARK: What happens

    private func begin(_ numbers: Range<Int>, _ payer: ID<Organisation>, _ receivers: [WebhookReceiver]) async throws {
        guard let usd = Currency("usd") else { return }
        try await withThrowingTaskGroup { group in
            for lane in 0..<Self.width {
                group.addTask {
                    for number in numbers where number % Self.width == lane {
                        let billing = receivers[number % receivers.count].app.billing
                        let new = NewPayment(
                            organisation: payer, person: nil, purpose: WebhookReceiver.purpose,
                            subject: "order-\(number)", amount: Money(Int64(1_000 + number % 97), usd),
                            description: "proof")
                        let app = receivers[number % receivers.count].app
                        let payment = try await app.database.write { try billing.payments.begin(new, in: $0).payment }
                        _ = try await billing.payments.start(payment.id)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// What customers and banks do meanwhile.
    private func act(_ stripe: TestStripeServer, _ random: inout SplitMix) {
        let intents: [StripePaymentIntent] = stripe.objects()
        for intent in intents {
            switch (intent.status.known, random.next() % 10) {
            case (.requiresPaymentMethod, 0...1): try? stripe.pay(intent.id, with: "pm_card_chargeDeclined")
            case (.requiresPaymentMethod, 2...7): try? stripe.pay(intent.id)
            case (.succeeded, 0): try? stripe.refund(paymentIntent: intent.id, amount: 1 + Int64(random.next() % 300))
            default: break
            }
        }
        let refunds: [StripeRefund] = stripe.objects()
        for refund in refunds where refund.status == .succeeded && random.next() % 40 == 0 {
            stripe.failRefund(refund.id)
        }
    }

    private func deliver(_ webhooks: [TestStripeWebhook], to receivers: [WebhookReceiver]) async -> (
        accepted: Int, refused: Int
    ) {
        await withTaskGroup { group in
            for lane in 0..<Self.width {
                group.addTask {
                    var results = (accepted: 0, refused: 0)
                    for index in webhooks.indices where index % Self.width == lane {
                        let receiver = receivers[(index / Self.width) % receivers.count]
                        if await receiver.accept(webhooks[index]) {
                            results.accepted += 1
                        } else {
                            results.refused += 1
                        }
                    }
                    return results
                }
            }
            return await group.reduce(into: (accepted: 0, refused: 0)) {
                $0 = ($0.accepted + $1.accepted, $0.refused + $1.refused)
            }
        }
    }

    private func runJobs(of receivers: [WebhookReceiver]) async throws {
        try await withThrowingTaskGroup { group in
            for receiver in receivers { group.addTask { try await receiver.app.runner.runUntilIdle() } }
            try await group.waitForAll()
        }
    }

    // MARK: What is there

    private func compare(_ app: App, _ stripe: TestStripeServer, _ payer: ID<Organisation>) async throws -> [String] {
        var faults: [String] = []
        let intents: [StripePaymentIntent] = stripe.objects()
        let refunds = Dictionary(grouping: stripe.objects() as [StripeRefund]) { $0.paymentIntent ?? "" }
        for intent in intents {
            let payment = try await app.database.read {
                try app.billing.payments.payment(ofProviderID: intent.id, in: $0)
            }
            guard let payment else {
                faults.append("\(intent.id) is not known")
                continue
            }
            let refunded = (refunds[intent.id] ?? []).filter { $0.status != .failed && $0.status != .canceled }
                .reduce(0) { $0 + $1.amount.minorUnits }
            if payment.state.rawValue != intent.status.text {
                faults.append("\(intent.id) is \(intent.status.text), and \(payment.state.rawValue) here")
            }
            if payment.receivedMinor != intent.amountReceived.minorUnits || payment.refundedMinor != refunded {
                faults.append("\(intent.id): received and refunded differ")
            }
        }
        let (charged, returned) = (stripe.totals["usd"]?.charged ?? 0, stripe.totals["usd"]?.refunded ?? 0)
        guard let usd = Currency("usd") else { return faults }
        let (platform, own) = try await app.database.read { transaction in
            (
                try app.billing.money.balances(of: .platform, in: usd, transaction),
                try app.billing.money.balances(of: .organisation(payer), in: usd, transaction)
            )
        }
        if platform[.provider] ?? 0 != -charged { faults.append("the ledger has not received \(charged)") }
        if own[.refunded] ?? 0 != returned { faults.append("the ledger has not refunded \(returned)") }
        return faults
    }
}
