import Identity
package import Modules

/// A dispute of a payment that the payer has opened at its bank. The provider withdraws the amount until it is decided.
///
/// | funds | event | next | ledger |
/// |---|---|---|---|
/// | untouched | `withdraw` | withdrawn | held of the payer, then revenue → disputed |
/// | withdrawn, lost | `restore`: won | returned | disputed or dispute_lost → where it came from |
/// | untouched, withdrawn | `lose` | lost | disputed → dispute_lost |
/// | returned | – | – | – |
///
/// Funds never move to an earlier row, so that late and repeated events have no effect.
package struct PaymentDispute: Sendable, Hashable {
    package enum Funds: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case untouched, withdrawn, lost, returned

        /// The position in the life of a dispute: funds only move on.
        var rank: Int {
            switch self {
            case .untouched: 0
            case .withdrawn: 1
            case .lost: 2
            case .returned: 3
            }
        }
    }

    package let id: ID<PaymentDispute>
    /// `dp_…`.
    package let providerID: String
    package let payment: ID<Payment>
    package let payer: MoneyOwner
    package let amount: Money
    /// Such as `fraudulent`.
    package let reason: String
    /// The provider's status, such as `needs_response`.
    package internal(set) var status: String
    package internal(set) var funds: Funds
    /// The part of the amount that was withdrawn from the payer's held money; the rest is the platform's.
    package internal(set) var fromHeld: Int64
    package internal(set) var evidenceDueBy: Instant?
    package let createdAt: Instant
    package internal(set) var closedAt: Instant?
}

extension PaymentDispute {
    init(row: Row) throws {
        id = try row["id"]
        providerID = try row["provider_id"]
        payment = try row["payment_id"]
        payer = try row["payer"]
        amount = Money(try row["amount"], try Currency(stored: row["currency"]))
        reason = try row["reason"]
        status = try row["status"]
        funds = try row["funds"]
        fromHeld = try row["from_held"]
        evidenceDueBy = try row["evidence_due_at"]
        createdAt = try row["created_at"]
        closedAt = try row["closed_at"]
    }

    // MARK: Transitions

    /// The postings that lead to funds as the provider reports them; none where they are so, or further.
    /// - Parameter held: the balance of the payer's held money that is withdrawn first; 0 where the payment is revenue.
    mutating func move(to next: Funds, held: Int64, at now: Instant) -> [[MoneyMovement]] {
        guard next.rank > funds.rank else { return [] }
        var postings: [[MoneyMovement]] = []
        if funds == .untouched, next != .returned {
            fromHeld = min(amount.minorUnits, max(0, held))
            postings.append(movements(to: disputed, of: sources))
        }
        switch (funds, next) {
        case (_, .lost): postings.append([MoneyMovement(amount.minorUnits, from: disputed, to: lost)])
        case (.withdrawn, .returned), (.lost, .returned):
            let present = funds == .withdrawn ? disputed : lost
            postings.append(
                sources.filter { $0.amount > 0 }.map { MoneyMovement($0.amount, from: present, to: $0.account) })
        default: break
        }
        funds = next
        if next == .lost || next == .returned { closedAt = now }
        return postings
    }

    private var disputed: MoneyAccount { MoneyAccount(.disputed, of: payer) }
    private var lost: MoneyAccount { MoneyAccount(.disputeLost, of: payer) }
    private var sources: [(amount: Int64, account: MoneyAccount)] {
        [(fromHeld, MoneyAccount(.held, of: payer)), (amount.minorUnits - fromHeld, .revenue)]
    }

    private func movements(to target: MoneyAccount, of sources: [(amount: Int64, account: MoneyAccount)])
        -> [MoneyMovement]
    {
        sources.filter { $0.amount > 0 }.map { MoneyMovement($0.amount, from: $0.account, to: target) }
    }
}
