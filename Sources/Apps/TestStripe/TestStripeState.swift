import Base
import Stripe

/// What the server keeps. It has no input or output: requests and the clock are its only causes.
struct TestStripeState {
    let settings: TestStripeServer.Settings
    let secretKey: String
    private let clock: @Sendable () -> Instant
    var offset: Duration = .zero
    /// The time of what is being done: behind the clock while something due is done.
    private(set) var time: Instant

    var tables: [String: TestStripeTable] = [
        "balance_transaction": TestStripeTable(indexed: ["source"]),
        "charge": TestStripeTable(indexed: ["payment_intent", "transfer_group"]),
        "dispute": TestStripeTable(indexed: ["charge"]),
        "invoice_payment": TestStripeTable(indexed: ["invoice"]),
        "payment_intent": TestStripeTable(),
        "refund": TestStripeTable(indexed: ["charge", "payment_intent"]),
        "transfer": TestStripeTable(indexed: ["transfer_group"]),
        "transfer_reversal": TestStripeTable(indexed: ["transfer"]),
    ]
    private var idsMade = 0
    private let idTag: String

    /// What is done in the course of time, from the last to the first.
    private var due: [(at: Instant, work: TestStripeDueWork)] = []
    var balances: [String: [String: TestStripeAccountBalance]] = [:]
    var totals: [String: TestStripeTotals] = [:]

    /// Of the request that is being executed, for its events.
    var requestID: String?
    var requestKey: String?
    var keys: [String: TestStripeKey] = [:]
    var faults: [TestStripeFault] = []
    var randomFaults: TestStripeRandomFaults?
    var recorder = TestStripeRecorder()
    /// Events that are not delivered yet.
    var undelivered: [JSONValue] = []
    /// How payment methods behave.
    var cards: [String: TestStripeCard] = [:]
    /// The invoice that a payment intent pays.
    var invoiceOfIntent: [String: String] = [:]
    /// What Checkout sessions were made with.
    var checkoutForms: [String: TestStripeForm] = [:]
    /// The connected account of a payout.
    var payoutAccounts: [String: String] = [:]
    /// The transfers whose money a payout takes to the bank.
    var payoutTransfers: [String: [String]] = [:]
    /// Prorations that the next invoice of a subscription takes up.
    var pendingLines: [String: [TestStripeInvoiceLine]] = [:]
    /// Changes of subscriptions that wait for the payment of an invoice.
    var pendingUpdates: [String: TestStripePendingUpdate] = [:]

    init(settings: TestStripeServer.Settings, secretKey: String, clock: @escaping @Sendable () -> Instant) {
        self.settings = settings
        self.secretKey = secretKey
        self.clock = clock
        time = clock()
        let alphabet = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        idTag = String((0..<8).map { _ in alphabet.randomElement()! })
    }

    var now: JSONValue { .integer(time.seconds) }

    // MARK: Objects

    /// Such as `cus_1abcdefgh00000001`.
    mutating func newID(_ prefix: String) -> String {
        idsMade += 1
        let number = String(idsMade, radix: 36)
        return "\(prefix)_1\(idTag)\(String(repeating: "0", count: max(0, 7 - number.count)))\(number)"
    }

    mutating func insert(_ object: Members) {
        tables[object.string("object"), default: TestStripeTable()].insert(object)
    }

    /// - Throws: `resource_missing`.
    func find(_ type: String, _ id: String, param: String = "id") throws(TestStripeError) -> Members {
        guard let object = tables[type]?[id] else { throw .missing(type, id, param: param) }
        return object
    }

    /// - Precondition: the object exists.
    func object(_ type: String, _ id: String) -> Members {
        guard let object = tables[type]?[id] else { preconditionFailure("no \(type) \(id)") }
        return object
    }

    /// Changes an object, and makes the event that tells it.
    /// - Parameter event: nil for a change that no event tells.
    @discardableResult
    mutating func update(
        _ type: String, _ id: String, event: String? = nil, account: String? = nil, _ body: (inout Members) -> Void
    ) -> Members {
        let before = object(type, id)
        tables[type]?.update(id, body)
        let after = object(type, id)
        if let event { emit(event, after, before: before, account: account) }
        return after
    }

    func all(_ type: String) -> [Members] { tables[type]?.all ?? [] }

    // MARK: Events

    /// - Parameter before: what the object was, for `previous_attributes` of an `updated` event.
    mutating func emit(_ type: String, _ object: Members, before: Members? = nil, account: String? = nil) {
        var data: Members = ["object": .object(object)]
        if let before, type.hasSuffix("updated") {
            data["previous_attributes"] = .object(before.filter { object[$0.key] != $0.value })
        }
        var event: Members = [
            "id": .string(newID("evt")), "object": "event", "api_version": .string(StripeClient.apiVersion),
            "created": now, "data": .object(data), "livemode": false, "pending_webhooks": 1,
            "request": ["id": .text(requestID), "idempotency_key": .text(requestKey)], "type": .string(type),
        ]
        if let account { event["account"] = .string(account) }
        insert(event)
        undelivered.append(.object(event))
        recorder.record(event: event)
    }

    // MARK: Time

    /// Has something done at a time, or at once where that has passed.
    mutating func schedule(_ work: TestStripeDueWork, at instant: Instant) {
        let position = due.firstIndex { $0.at <= instant } ?? due.endIndex
        due.insert((instant, work), at: position)
    }

    /// Does everything that is due at the time of the clock, in the order of time.
    mutating func catchUp() {
        let now = clock() + offset
        while let next = due.last, next.at <= now {
            due.removeLast()
            time = max(time, next.at)
            perform(next.work, at: next.at)
        }
        time = max(time, now)
    }

    private mutating func perform(_ work: TestStripeDueWork, at instant: Instant) {
        switch work {
        case .subscription(let id): renewSubscription(id, at: instant)
        case .firstPayment(let subscription): expireFirstPayment(of: subscription)
        case .trialEnding(let subscription): announceTrialEnd(of: subscription)
        case .pendingUpdate(let subscription, let invoice): expirePendingUpdate(of: subscription, invoice)
        case .invoice(let id): retryInvoice(id, at: instant)
        case .checkout(let id): expireCheckout(id)
        case .capture(let intent): expireCapture(of: intent)
        case .settlement(let account, let currency, let amount): settle(amount, currency, of: account)
        }
    }
}

/// What the server does when its time has come. It checks itself whether it still has to be done.
enum TestStripeDueWork {
    /// The end of a period, or of a trial.
    case subscription(String)
    /// 23 hours after the creation of a subscription.
    case firstPayment(subscription: String)
    /// Three days before the end of a trial.
    case trialEnding(subscription: String)
    case pendingUpdate(subscription: String, invoice: String)
    /// The next attempt to pay an invoice.
    case invoice(String)
    case checkout(String)
    /// Seven days after an authorization.
    case capture(intent: String)
    /// Money becomes available.
    case settlement(account: String, currency: String, amount: Int64)
}
