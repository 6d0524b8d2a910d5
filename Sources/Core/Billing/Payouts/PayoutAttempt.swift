import Modules

/// One request to the provider to transfer a payout, or to take it back, with a key of its own.
struct PayoutAttempt: Sendable, Hashable {
    enum Kind: String, Sendable, Codable, SQLBindable, SQLReadable { case transfer, reversal }
    enum Outcome: String, Sendable, Codable, SQLBindable, SQLReadable { case done, refused }

    let payout: ID<Payout>
    let kind: Kind
    /// Transfers are counted over all payouts of the subject, so that no key is used for two payouts.
    let number: Int
    let key: String
    /// The SHA-256 of method, path and fields in hexadecimal digits: what the provider was asked, after the call's row
    /// has been deleted.
    let requestHash: String
    let call: ID<ProviderCall>
    /// Nil while it is not known.
    let outcome: Outcome?
    /// The id of the object at the provider, or the reason of the refusal.
    let detail: String?
    let createdAt: Instant
    let settledAt: Instant?

    init(
        _ payout: ID<Payout>, _ kind: Kind, number: Int, key: String, requestHash: String, call: ID<ProviderCall>,
        at now: Instant
    ) {
        self.payout = payout
        self.kind = kind
        self.number = number
        self.key = key
        self.requestHash = requestHash
        self.call = call
        (outcome, detail, settledAt) = (nil, nil, nil)
        createdAt = now
    }

    init(row: Row) throws {
        payout = try row["payout_id"]
        kind = try row["kind"]
        number = try row["number"]
        key = try row["idempotency_key"]
        requestHash = try row["request_hash"]
        call = try row["call_id"]
        outcome = try row["outcome"]
        detail = try row["detail"]
        createdAt = try row["created_at"]
        settledAt = try row["settled_at"]
    }
}
