import Foundation
package import Modules

/// A payout to an organisation's account at the provider: one transfer, or none with the money back.
///
/// | state | event | next | ledger |
/// |---|---|---|---|
/// | requested | `reserve` | reserved, or held for approval | source → payout_pending |
/// | reserved | `hold` | held | – |
/// | held | `approve` | reserved | – |
/// | reserved, held | `cancel` | canceled | payout_pending → source |
/// | reserved | `send`: attempt k with its key | sending | – |
/// | sending, unknown | `transfer` | transferred | payout_pending → in_transit, commission, payable |
/// | sending, unknown | `refuse` | refused | payout_pending → source |
/// | sending | `lose`: the outcome is not known | unknown | – |
/// | refused | `retry`: attempt k + 1 follows | reserved, or held for approval | source → payout_pending |
/// | refused | `cancel` | canceled | – |
/// | transferred, returned | `pay`: it has arrived at the bank | paid | in_transit → paid_out |
/// | transferred, paid | `return`: the bank has returned it | returned | paid_out → in_transit |
/// | transferred, paid, returned | `reverse` | reversing | – |
/// | reversing | `pay`, `return` | reversing | as above |
/// | reversing | `completeReversal` | reversed | in_transit or paid_out, commission, payable → source |
/// | reversing | `refuseReversal` | transferred, paid, returned | – |
/// | canceled, reversed | – | – | – |
///
/// An unknown outcome is never released: it is looked up at the provider until it is known. After `returned` the money
/// is in the payee's account at the provider, which pays it to the bank again; another transfer needs a reversal first.
package struct Payout: Sendable, Hashable {
    package enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case requested, held, reserved, sending, unknown, transferred, refused, paid, returned, reversing, reversed
        case canceled

        /// No transition leaves this state; another payout of the subject may begin.
        package var isFinal: Bool { self == .canceled || self == .reversed }
        /// Whether a transfer may exist whose outcome is not known.
        package var isOpen: Bool { self == .sending || self == .unknown }
        /// Whether the payee has the money.
        package var hasTransferred: Bool {
            switch self {
            case .transferred, .paid, .returned, .reversing: true
            case .requested, .held, .reserved, .sending, .unknown, .refused, .reversed, .canceled: false
            }
        }
    }

    /// Also the transfer group at the provider.
    package let id: ID<Payout>
    package let purpose: PayoutPurpose
    package let subject: String
    package let source: MoneyAccount
    package let payee: MoneyOwner
    /// The payee's account at the provider, `acct_…`.
    package private(set) var destination: String
    package let amount: Money
    package let commission: Int64
    /// The part that the provider does not pay, because it pays this currency in whole units; it stays `payable`.
    package let remainder: Int64
    package let key: String
    package let metadata: [String: String]
    package private(set) var state: State
    /// Why it is held, was refused, returned, canceled or taken back, or why a reversal was refused: for people.
    package private(set) var reason: String?
    /// What holds it; nil in other states than held.
    package private(set) var heldFor: PayoutHold?
    /// The number of the last attempt, counted over all payouts of the subject; 0 before the first.
    package private(set) var attempt: Int
    /// The number of the last attempt to take it back.
    package private(set) var reversalAttempt: Int
    /// The provider's id of the transfer.
    package private(set) var transfer: String?
    /// The provider's id of the payout to the bank, `po_…`, that has paid or returned the money last.
    package private(set) var bankPayout: String?
    /// Of the row, as it was read. Increases with every change.
    let version: Int64
    /// Of the row, as it was read; nil for a new payout.
    let stateBefore: State?
    package let createdAt: Instant
    package private(set) var transferredAt: Instant?
    package private(set) var paidAt: Instant?
    package private(set) var returnedAt: Instant?
    package private(set) var endedAt: Instant?

    /// What is transferred, in minor units.
    package var net: Int64 { amount.minorUnits - commission - remainder }
    /// Whether the money has arrived at the payee's bank and stayed there.
    package var isAtBank: Bool { paidAt != nil && returnedAt == nil }
    /// The idempotency key of the last attempt.
    package var attemptKey: String { attempt == 1 ? key : "\(key):\(attempt)" }
}

// MARK: Transitions

extension Payout {
    /// - Parameters:
    ///   - destination: the payee's account at the provider.
    ///   - attempts: of earlier payouts of the subject.
    init(_ new: NewPayout, id: ID<Payout>, destination: String, after attempts: Int, at now: Instant) {
        self.id = id
        self.destination = destination
        purpose = new.purpose
        subject = new.subject
        source = new.source
        payee = .organisation(new.payee)
        amount = new.amount
        commission = new.commission
        remainder = (new.amount.minorUnits - new.commission) % new.amount.currency.payoutStep
        key = new.key
        metadata = new.metadata
        state = .requested
        attempt = attempts
        reversalAttempt = 0
        version = 0
        stateBefore = nil
        createdAt = now
    }

    init(row: Row) throws {
        id = try row["id"]
        purpose = try row["purpose"]
        subject = try row["subject"]
        source = MoneyAccount(try row["source_account"], of: try row["source_owner"])
        payee = try row["payee"]
        destination = try row["destination"]
        amount = Money(try row["amount"], try Currency(stored: row["currency"]))
        commission = try row["commission"]
        remainder = try row["remainder"]
        key = try row["idempotency_key"]
        metadata = try JSONDecoder().decode([String: String].self, from: Data((row["metadata"] as String).utf8))
        state = try row["state"]
        stateBefore = state
        reason = try row["reason"]
        heldFor = try row["held_for"]
        attempt = try row["attempt"]
        reversalAttempt = try row["reversal_attempt"]
        transfer = try row["transfer_id"]
        bankPayout = try row["bank_payout_id"]
        version = try row["version"]
        createdAt = try row["created_at"]
        transferredAt = try row["transferred_at"]
        paidAt = try row["paid_at"]
        returnedAt = try row["returned_at"]
        endedAt = try row["ended_at"]
    }

    /// - Parameter needsApproval: whether an administrator approves it first.
    mutating func reserve(needsApproval: Bool) throws(Problem) {
        try require(.requested)
        beReserved(needsApproval: needsApproval)
    }

    private mutating func beReserved(needsApproval: Bool) {
        state = needsApproval ? .held : .reserved
        reason = needsApproval ? "It waits for approval." : nil
        heldFor = needsApproval ? .approval : nil
    }

    mutating func hold(_ reason: String, for hold: PayoutHold) throws(Problem) {
        try require(.reserved)
        state = .held
        self.reason = reason
        heldFor = hold
    }

    /// - Parameter destination: the payee's present account, which an administrator has seen; nil for that of its
    ///   beginning.
    mutating func approve(to destination: String? = nil) throws(Problem) {
        try require(.held)
        beReserved(needsApproval: false)
        if let destination { self.destination = destination }
    }

    mutating func cancel(_ reason: String, at now: Instant) throws(Problem) {
        try require(.reserved, .held, .refused)
        state = .canceled
        heldFor = nil
        self.reason = reason
        endedAt = now
    }

    mutating func send() throws(Problem) {
        try require(.reserved)
        state = .sending
        attempt += 1
    }

    mutating func lose() throws(Problem) {
        try require(.sending)
        state = .unknown
    }

    mutating func transfer(_ id: String, at now: Instant) throws(Problem) {
        try require(.sending, .unknown)
        state = .transferred
        transfer = id
        transferredAt = now
    }

    mutating func refuse(_ reason: String) throws(Problem) {
        try require(.sending, .unknown)
        state = .refused
        self.reason = reason
    }

    mutating func retry(to destination: String, needsApproval: Bool) throws(Problem) {
        try require(.refused)
        beReserved(needsApproval: needsApproval)
        self.destination = destination
    }

    /// - Parameter bankPayout: the payout to the bank that has paid it.
    mutating func pay(by bankPayout: String, at now: Instant) throws(Problem) {
        try require(.transferred, .returned, .reversing)
        guard !isAtBank else { throw refusal }
        if state != .reversing { (state, reason) = (.paid, nil) }
        (paidAt, returnedAt, self.bankPayout) = (now, nil, bankPayout)
    }

    /// Notes that a further payout to the bank has paid what counts as paid: the return of the former one was missed.
    mutating func settle(by bankPayout: String) throws(Problem) {
        guard isAtBank else { throw refusal }
        self.bankPayout = bankPayout
    }

    mutating func `return`(_ reason: String, by bankPayout: String, at now: Instant) throws(Problem) {
        try require(.transferred, .paid, .reversing)
        guard returnedAt == nil else { throw refusal }
        if state != .reversing { (state, self.reason) = (.returned, reason) }
        (returnedAt, self.bankPayout) = (now, bankPayout)
    }

    mutating func reverse(_ reason: String) throws(Problem) {
        try require(.transferred, .paid, .returned)
        state = .reversing
        self.reason = reason
        reversalAttempt += 1
    }

    mutating func completeReversal(at now: Instant) throws(Problem) {
        try require(.reversing)
        state = .reversed
        endedAt = now
    }

    mutating func refuseReversal(_ reason: String) throws(Problem) {
        try require(.reversing)
        state = returnedAt != nil ? .returned : paidAt != nil ? .paid : .transferred
        self.reason = reason
    }

    private func require(_ states: State...) throws(Problem) {
        guard states.contains(state) else { throw refusal }
    }

    private var refusal: Problem {
        Problem(
            .payoutState, detail: "The payout is \(state.rawValue).", members: ["state": .string(state.rawValue)])
    }
}

// MARK: Ledger

extension Payout {
    private var payoutPending: MoneyAccount { MoneyAccount(.payoutPending, of: payee) }
    private var bank: MoneyAccount { MoneyAccount(.paidOut, of: payee) }
    private var inTransit: MoneyAccount { MoneyAccount(.inTransit, of: payee) }

    var reservation: [MoneyMovement] { [MoneyMovement(amount.minorUnits, from: source, to: payoutPending)] }
    var release: [MoneyMovement] { [MoneyMovement(amount.minorUnits, from: payoutPending, to: source)] }
    var transferral: [MoneyMovement] {
        [(net, inTransit), (commission, .commission), (remainder, MoneyAccount(.payable, of: payee))]
            .filter { $0.0 > 0 }.map { MoneyMovement($0.0, from: payoutPending, to: $0.1) }
    }
    var arrival: [MoneyMovement] { [MoneyMovement(net, from: inTransit, to: bank)] }
    var bankReturn: [MoneyMovement] { [MoneyMovement(net, from: bank, to: inTransit)] }

    /// - Parameter payable: the balance of the payee's account `payable`, where the remainder is as long as it is not
    ///   used.
    func restitution(payable: Int64) -> [MoneyMovement] {
        let rest = min(remainder, max(0, payable))
        return [
            (net, isAtBank ? bank : inTransit), (commission, .commission), (rest, MoneyAccount(.payable, of: payee)),
        ].filter { $0.0 > 0 && $0.1 != source }.map { MoneyMovement($0.0, from: $0.1, to: source) }
    }
}

extension Currency {
    /// The provider pays these currencies in whole major units, although their minor unit is a hundredth. So it does
    /// with ISK and UGX, whose minor unit is the whole one (``fractionDigits``).
    /// https://docs.stripe.com/currencies#special-cases
    private static let wholeUnits: Set<String> = ["huf", "twd"]

    /// A payout's amount is a multiple of it, in minor units. See ``paymentStep``.
    package var payoutStep: Int64 { Self.wholeUnits.contains(code) ? 100 : paymentStep }
}

extension Problem.Kind {
    package static let payoutState = Self("payout-state", "The payout is not in a state for this", status: 409)
}
