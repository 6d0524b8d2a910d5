import Billing
import Identity
import Modules

/// The payouts of a proof, the same ones in every process.
struct PayoutPlan: Sendable {
    /// What a payout is to come to, unless the provider refuses it.
    enum End: Sendable { case transferred, canceled, reversed }

    let count: Int
    let payers: [ID<Organisation>]
    let payees: [ID<Organisation>]

    static let purpose = PayoutPurpose("proof")
    static let paymentPurpose = PaymentPurpose("proof")
    static let currencies = ["usd", "eur", "jpy", "huf"].compactMap { Currency($0) }
    static let accounts = 8

    func payer(_ number: Int) -> ID<Organisation> { payers[number % payers.count] }

    func end(_ number: Int) -> End {
        switch number % 20 {
        case 7: .canceled
        case 11: .reversed
        default: .transferred
        }
    }

    func payout(_ number: Int) -> NewPayout {
        let amount = 1_000 + Int64(number * 7 % 5_000)
        return NewPayout(
            Self.purpose, of: subject(number), from: .held(of: payer(number)), to: payees[number / 4 % payees.count],
            amount: Money(amount, Self.currencies[number % Self.currencies.count]), commission: amount / 10,
            key: "release_payment:\(subject(number))")
    }

    func subject(_ number: Int) -> String { "service-\(number)" }
}
