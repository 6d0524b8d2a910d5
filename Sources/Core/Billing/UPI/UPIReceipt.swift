import Identity
import Modules

/// Money that arrived by UPI, as the payment service or an administrator has reported it. The bank's reference is used
/// once.
///
/// | outcome | event | next | ledger |
/// |---|---|---|---|
/// | – | the whole amount of a code, in time | applied | provider → revenue |
/// | – | any other money | unclaimed | provider → unclaimed |
/// | unclaimed | an administrator credits it to its code | credited | unclaimed → revenue |
/// | unclaimed | an administrator has returned it by the bank | refunded | unclaimed → refunded |
///
/// What was applied or credited is returned by a refund of its payment (``RefundService/settle(_:byBank:in:)``).
struct UPIReceipt: Sendable {
    enum Outcome: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case applied, unclaimed, credited, refunded
    }

    /// Why money is in the queue.
    enum Reason: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        /// No code has the reference.
        case unknownReference = "unknown_reference"
        case otherCurrency = "other_currency"
        case otherAmount = "other_amount"
        /// The code was paid before.
        case paidAlready = "paid_already"
        case late
        /// The organisation has another subscription by now.
        case otherSubscription = "other_subscription"
    }

    /// How it was reported.
    enum Source: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case callback, administrator
    }

    let id: ID<UPIReceipt>
    /// Capitals, digits and hyphens.
    let bankReference: String
    /// As it was reported; the id of a code, if it is one.
    let reference: String
    /// The payer, where a code has the reference; a pseudonym after an erasure.
    let organisation: String?
    let amount: Money
    let source: Source
    private(set) var outcome: Outcome
    private(set) var reason: Reason?
    let receivedAt: Instant
    private(set) var resolvedAt: Instant?
    /// The administrator who resolved it, or a pseudonym.
    private(set) var resolvedBy: String?
    /// The bank's reference of the money that was returned.
    private(set) var refundReference: String?
    private(set) var note: String?

    init(
        id: ID<UPIReceipt>, _ report: UPIReport, organisation: ID<Organisation>?, from source: Source,
        queuedBecause reason: Reason?, at now: Instant
    ) {
        self.id = id
        bankReference = report.bankReference
        reference = report.reference
        self.organisation = organisation?.text
        amount = report.amount
        self.source = source
        outcome = reason == nil ? .applied : .unclaimed
        self.reason = reason
        receivedAt = now
    }

    mutating func resolve(
        as outcome: Outcome, by administrator: ID<Person>, refundReference: String?, note: String?, at now: Instant
    ) {
        precondition(self.outcome == .unclaimed, "money is resolved once")
        self.outcome = outcome
        (resolvedAt, resolvedBy, self.refundReference, self.note) = (now, administrator.text, refundReference, note)
    }
}

/// Money that is reported to have arrived.
struct UPIReport: Sendable {
    let bankReference: String
    let reference: String
    /// Above zero.
    let amount: Money

    /// - Parameter text: at most 64 letters, digits and hyphens, of which at least 4 are letters or digits.
    /// - Returns: the text in upper case without hyphens, so that a reference that is written in two ways is used once;
    ///   nil for any other text.
    static func bankReference(_ text: String) -> String? {
        guard text.utf8.count <= 64, text.utf8.allSatisfy(isAllowed) else { return nil }
        let reference = text.uppercased().filter { $0 != "-" }
        return reference.utf8.count >= 4 ? reference : nil
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

extension UPIReceipt {
    init(row: Row) throws {
        id = try row["id"]
        bankReference = try row["bank_reference"]
        reference = try row["reference"]
        organisation = try row["organisation_id"]
        amount = Money(try row["amount"], try Currency(stored: try row["currency"]))
        source = try row["source"]
        outcome = try row["outcome"]
        reason = try row["reason"]
        receivedAt = try row["received_at"]
        resolvedAt = try row["resolved_at"]
        resolvedBy = try row["resolved_by"]
        refundReference = try row["refund_reference"]
        note = try row["note"]
    }
}
