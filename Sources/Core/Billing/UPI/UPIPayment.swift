import Entitlements
import Identity
import Modules

/// A payment of one period of a plan by UPI, requested by a QR code. Its id is the unique reference that comes with the
/// money.
///
/// | status | event | next |
/// |---|---|---|
/// | – | a QR code is shown | pending |
/// | pending, failed | the payment service says that the payer has acted | processing |
/// | pending, processing | the payment service says that it has failed | failed |
/// | pending, processing, failed | the whole amount arrives in time | completed |
/// | pending, processing, failed | the time for the money has passed | expired, which no row says |
/// | expired | the amount is credited by an administrator | completed |
/// | completed | anything | completed: further money goes to the queue |
///
/// The whole amount arrives in time until the code expires; where the payer has acted by then, ``settlementTime``
/// later.
struct UPIPayment: Sendable {
    enum Status: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case pending, processing, completed, failed, expired
    }

    /// What was paid for.
    struct Paid: Sendable, Hashable {
        let payment: ID<Payment>
        let bankReference: String
        let period: Range<Instant>
        let at: Instant
    }

    /// `qr_` and 16 hexadecimal digits.
    let id: String
    let organisation: ID<Organisation>
    /// The account that requested it; nil after its erasure.
    let person: ID<Person>?
    let plan: Plan.ID
    let cycle: Cycle
    /// As the payer's app and the invoice show it.
    let description: String
    /// The price without taxes that are added to it.
    let price: Money
    /// What is to be paid.
    let amount: Money
    /// `pending`, `processing`, `completed` or `failed`: see ``status(at:)``.
    private(set) var stored = Status.pending
    private(set) var paid: Paid?
    let createdAt: Instant
    let expiresAt: Instant

    static let prefix = "qr_"
    static let lifetime = Duration.minutes(15)
    /// How long banks may take after the payer has acted.
    static let settlementTime = Duration.hours(24)
    /// A request gets the code of an earlier one where this much time is left.
    static let reuseTime = Duration.minutes(5)
    /// How long a code that was not paid is kept.
    static let unpaidRetention = Duration.days(90)

    init(
        id: String, organisation: ID<Organisation>, person: ID<Person>, plan: Plan.ID, cycle: Cycle,
        description: String, price: Money, amount: Money, at now: Instant
    ) {
        self.id = id
        self.organisation = organisation
        self.person = person
        self.plan = plan
        self.cycle = cycle
        self.description = description
        self.price = price
        self.amount = amount
        createdAt = now
        expiresAt = now + Self.lifetime
    }

    func status(at now: Instant) -> Status { stored == .completed || isInTime(at: now) ? stored : .expired }

    func isInTime(at now: Instant) -> Bool {
        now <= expiresAt || (stored == .processing && now <= expiresAt + Self.settlementTime)
    }

    mutating func process(at now: Instant) {
        if status(at: now) == .pending || status(at: now) == .failed { stored = .processing }
    }

    mutating func fail(at now: Instant) {
        if status(at: now) == .pending || stored == .processing { stored = .failed }
    }

    mutating func complete(_ paid: Paid) {
        precondition(self.paid == nil, "a code is paid once")
        stored = .completed
        self.paid = paid
    }
}

extension UPIPayment {
    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        person = try row["person_id"]
        plan = try row["plan_id"]
        cycle = try row["cycle"]
        description = try row["description"]
        price = Money(try row["price"], .indianRupee)
        amount = Money(try row["amount"], .indianRupee)
        stored = try row["status"]
        createdAt = try row["created_at"]
        expiresAt = try row["expires_at"]
        if let payment = try row.read("payment_id", as: ID<Payment>?.self) {
            let start: Instant = try row["period_start"]
            paid = Paid(
                payment: payment, bankReference: try row["bank_reference"], period: start..<(try row["period_end"]),
                at: try row["paid_at"])
        }
    }
}

extension Currency {
    /// The currency of UPI.
    static let indianRupee: Currency = {
        guard let currency = Currency("inr") else { preconditionFailure("inr is a currency") }
        return currency
    }()
}
