import App
import Billing
import Foundation
import Identity
import Modules
import Stripe
import TestKit
import TestStripe

/// Two receivers of the provider's webhooks, which are shuffled, repeated up to three times, dropped, and delayed by
/// days, while customers pay, fail to pay, get their money back, and pay for plans by the month. In the end every
/// payment, refund and subscription is as the provider has it, none has moved back, no e-mail was sent twice, and the
/// ledger equals what the provider has counted.
struct WebhookProof {
    let folder: String
    let database: String
    let engine: ProveCommand.Engine
    /// At least.
    let deliveries: Int
    let seed: UInt64

    private static let receivers = 2
    /// Requests at once.
    private static let width = 32
    /// Events are tried for 72 hours: one that has to wait for another is tried in two rounds. Months are no multiple
    /// of it, so that nothing renews while a round is compared.
    private static let round = Duration.hours(61)
    /// The longest wait of an event for another, which a poll may find in the same round after it.
    private static let retry = Duration.hours(1)
    /// Jobs that run at once in a receiver.
    private static let jobs = 4

    /// Payments that begin in a round. A small proof has some rounds, too.
    private var batch: Int { min(250, max(10, deliveries / 100)) }
    private var subscribers: Int { min(40, max(3, deliveries / 500)) }

    private struct Counts {
        var accepted = 0
        var refused = 0
        var payments = 0
        var rounds = 0

        mutating func add(_ results: (accepted: Int, refused: Int)) {
            accepted += results.accepted
            refused += results.refused
        }
    }

    /// - Returns: the number of violations.
    func run(_ write: @escaping @Sendable (String) -> Void) async throws -> Int {
        write(
            "\(engine): \(deliveries) deliveries to \(Self.receivers) receivers, \(batch) payments in each round of "
                + "\(Int(Self.round / .hours(1))) hours, \(subscribers) subscribers; seed \(seed)")
        let clock = OffsetClock()
        let stripe = try await TestStripeServer.start(now: { clock.now })
        var receivers: [WebhookReceiver] = []
        for _ in 0..<Self.receivers {
            receivers.append(try await WebhookReceiver(folder: folder, database: database, stripe, clock))
        }
        let app = receivers[0].app
        try await StateChanges.createTable(in: app.database)
        let account = try await app.registerSubscriber(Accounts.email(0), plan: "free")
        guard let payer = ID<Organisation>(account.organisation) else {
            throw UnexpectedStatus(path: "register", status: 0)
        }
        let started = ContinuousClock.now
        let counts = try await Progress.write(to: write) {
            let (events, open) = try await app.database.read { transaction in
                (
                    try transaction.count("SELECT COUNT(*) AS count FROM provider_events"),
                    try transaction.count("SELECT COUNT(*) AS count FROM provider_events WHERE state = 'received'")
                )
            }
            return "\(Int((clock.now - Runtime.system.now()) / .hours(24))) days, \(events) events, \(open) not applied"
        } during: {
            try await play(payer, receivers, stripe, clock)
        }
        let rate = Double(counts.accepted) / (ContinuousClock.now - started).inSeconds
        var faults = try await allInvariants.faults(in: app.database)
        faults += try await StateChanges.faults(in: app.database)
        faults += try await compare(app, stripe, payer)
        let mails = try WrittenMails(dataFolder: folder)
        faults += mails.repeated.map { "an e-mail was sent twice: \($0)" }
        if counts.refused > 0 { faults.append("\(counts.refused) deliveries were refused") }
        for fault in faults.prefix(20) { write("  ✘ \(fault)") }
        write(
            """
              deliveries \(counts.accepted) (\(Int(rate)) a second with all jobs), payments \(counts.payments), \
            rounds \(counts.rounds), e-mails \(mails.count)
              violations \(faults.count)
            """)
        for receiver in receivers { await receiver.app.close() }
        await stripe.stop()
        return faults.count
    }

    /// Lets days pass until there were enough deliveries, and some more, until everything is delivered.
    private func play(
        _ payer: ID<Organisation>, _ receivers: [WebhookReceiver], _ stripe: TestStripeServer, _ clock: OffsetClock
    ) async throws -> Counts {
        var (random, counts) = (SplitMix(seed: seed), Counts())
        let people = try await ProofSubscribers(subscribers, in: receivers[0].app, stripe)
        while counts.accepted < deliveries {
            counts.rounds += 1
            clock.set(offset: Self.round * counts.rounds)
            try await begin(counts.payments..<(counts.payments + batch), payer, receivers)
            counts.payments += batch
            act(stripe, &random)
            people.changeCards(at: stripe, &random)
            var plan = TestStripeDelivery()
            (plan.copiesMax, plan.isShuffled, plan.seed) = (3, true, random.next())
            (plan.dropped, plan.delayed) = (30, 300)
            counts.add(await deliver(stripe.webhooks(plan), to: receivers))
            try await runJobs(of: receivers, inRound: counts.rounds, clock)
        }
        // What is delayed is delivered, and a last poll finds what was dropped.
        for _ in 0..<2 {
            counts.rounds += 1
            clock.set(offset: Self.round * counts.rounds)
            var plan = TestStripeDelivery()
            plan.isShuffled = true
            counts.add(await deliver(stripe.webhooks(plan), to: receivers))
            try await runJobs(of: receivers, inRound: counts.rounds, clock)
        }
        return counts
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
        let intents: [StripePaymentIntent] = stripe.objects(newest: 4 * batch)
        for intent in intents where intent.isOrder {
            switch (intent.status.known, random.next() % 10) {
            case (.requiresPaymentMethod, 0...1): try? stripe.pay(intent.id, with: "pm_card_chargeDeclined")
            case (.requiresPaymentMethod, 2...6): try? stripe.pay(intent.id)
            case (.requiresPaymentMethod, 7):
                try? stripe.pay(intent.id)
                // Its event may come before that of the payment.
                _ = try? stripe.refund(paymentIntent: intent.id, amount: 1 + Int64(random.next() % 300))
            case (.succeeded, 0):
                _ = try? stripe.refund(paymentIntent: intent.id, amount: 1 + Int64(random.next() % 300))
            default: break
            }
        }
        let refunds: [StripeRefund] = stripe.objects(newest: batch)
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

    private func runJobs(of receivers: [WebhookReceiver], inRound number: Int, _ clock: OffsetClock) async throws {
        for wait in [.zero, Self.retry] {
            clock.set(offset: Self.round * number + wait)
            try await withThrowingTaskGroup { group in
                for receiver in receivers { group.addTask { try await receiver.app.runDueJobs(together: Self.jobs) } }
                try await group.waitForAll()
            }
        }
    }

    // MARK: What is there

    private func compare(_ app: App, _ stripe: TestStripeServer, _ payer: ID<Organisation>) async throws -> [String] {
        var faults: [String] = []
        let intents: [StripePaymentIntent] = stripe.objects()
        let refunds = Dictionary(grouping: stripe.objects() as [StripeRefund]) { $0.paymentIntent ?? "" }
        for intent in intents where intent.isOrder {
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
                faults.append(
                    "\(intent.id): \(payment.receivedMinor) received and \(payment.refundedMinor) refunded, at the "
                        + "provider \(intent.amountReceived.minorUnits) and \(refunded)")
            }
        }
        let (charged, returned) = (stripe.totals["usd"]?.charged ?? 0, stripe.totals["usd"]?.refunded ?? 0)
        faults += try await ProofSubscribers.faults(app, stripe)
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

extension StripePaymentIntent {
    /// Whether it is a payment of the proof, and not that of an invoice.
    fileprivate var isOrder: Bool { metadata["gatehouse_payment"] != nil }
}
