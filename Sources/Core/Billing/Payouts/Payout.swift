package import Identity
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
/// An unknown outcome is never released: it is looked up at the provider until it is known. After `returned` the money is
/// in the payee's account at the provider, which pays it to the bank again; another transfer needs a reversal first.
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
    package internal(set) var destination: String
    package let amount: Money
    package let commission: Int64
    /// The part that the provider does not pay, because it pays this currency in whole units; it stays `payable`.
    package let remainder: Int64
    package let key: String
    package let metadata: [String: String]
    package internal(set) var state: State
    /// Why it is held, was refused, returned or canceled: a sentence for people.
    package internal(set) var reason: String?
    /// The number of the last attempt, counted over all payouts of the subject; 0 before the first.
    package internal(set) var attempt: Int
    /// The provider's id of the transfer.
    package internal(set) var transfer: String?
    package internal(set) var version: Int64
    package let createdAt: Instant
    package internal(set) var transferredAt: Instant?
    package internal(set) var paidAt: Instant?
    package internal(set) var returnedAt: Instant?
    package internal(set) var endedAt: Instant?

    /// What is transferred, in minor units.
    package var net: Int64 { amount.minorUnits - commission - remainder }
}
