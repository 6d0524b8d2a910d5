package import Identity
import Ledger
package import Modules

/// A ledger account of money. Its unit is a currency.
///
/// A payment moves its amount from `provider` to another account; nothing moves back there. The balance of `provider`
/// is therefore minus all money that was ever received, and the money that the provider still holds is minus the sum
/// of `provider` and the accounts of money that has left (``Name/hasLeft``).
package struct MoneyAccount: Sendable, Hashable {
    package enum Name: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        /// Of the platform: minus the money that the provider has received for it.
        case provider
        /// Of the paying organisation: money for work that is not released yet.
        case held
        /// Of the platform: sales and subscriptions. It may be negative: a refund or a lost dispute can exceed it.
        case revenue
        /// Of the platform: commission of payouts, from their transfer on. It may be negative, as `revenue`.
        case commission
        /// Of the payee: released money that is not in a payout, such as what remains of an amount that the provider
        /// pays in whole units alone.
        case payable
        /// Of the payee: the whole amount of a payout, its commission included, until it is transferred.
        case payoutPending = "payout_pending"
        /// Of the payee: transferred to its account at the provider, not yet at its bank.
        case inTransit = "in_transit"
        /// Of the payee: arrived at its bank.
        case paidOut = "paid_out"
        /// Of the payer: a refund that the provider has not confirmed.
        case refundPending = "refund_pending"
        /// Of the payer: returned to it.
        case refunded
        /// Of the payer: withdrawn by the provider for a dispute that is open.
        case disputed
        /// Of the payer: lost in a dispute.
        case disputeLost = "dispute_lost"
        /// Of the platform: money without a payment that expects it, such as late UPI money.
        case unclaimed
        /// Of the platform: fees of the provider.
        case fees

        var mayBeNegative: Bool { self == .provider || self == .revenue || self == .commission }

        /// Whether the provider does not hold the money of this account any more.
        package var hasLeft: Bool {
            switch self {
            case .inTransit, .paidOut, .refunded, .disputed, .disputeLost, .fees: true
            case .provider, .held, .revenue, .commission, .payable, .payoutPending, .refundPending, .unclaimed: false
            }
        }
    }

    package let name: Name
    package let owner: MoneyOwner

    package init(_ name: Name, of owner: MoneyOwner) {
        self.name = name
        self.owner = owner
    }

    private init(_ name: Name, of organisation: ID<Organisation>) { self.init(name, of: .organisation(organisation)) }

    package static let provider = MoneyAccount(.provider, of: .platform)
    package static let revenue = MoneyAccount(.revenue, of: .platform)
    package static let commission = MoneyAccount(.commission, of: .platform)
    package static let unclaimed = MoneyAccount(.unclaimed, of: .platform)
    package static let fees = MoneyAccount(.fees, of: .platform)
    package static func held(of payer: ID<Organisation>) -> Self { Self(.held, of: payer) }
    package static func refundPending(of payer: ID<Organisation>) -> Self { Self(.refundPending, of: payer) }
    package static func refunded(of payer: ID<Organisation>) -> Self { Self(.refunded, of: payer) }
    package static func disputed(of payer: ID<Organisation>) -> Self { Self(.disputed, of: payer) }
    package static func payable(of payee: ID<Organisation>) -> Self { Self(.payable, of: payee) }
    package static func payoutPending(of payee: ID<Organisation>) -> Self { Self(.payoutPending, of: payee) }
    package static func inTransit(of payee: ID<Organisation>) -> Self { Self(.inTransit, of: payee) }
    package static func paidOut(of payee: ID<Organisation>) -> Self { Self(.paidOut, of: payee) }

    /// The account in the ledger.
    func account(in currency: Currency) -> LedgerAccount {
        LedgerAccount(
            name.rawValue, of: owner.text, in: LedgerUnit(currency), mayBeNegative: name.mayBeNegative)
    }
}
