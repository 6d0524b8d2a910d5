import Identity
import Ledger
import Modules

/// Pays out what remains of payouts in currencies that the provider pays in whole units: the money is the payee's, and
/// it is paid once it makes a whole unit.
final class PayoutRemainderService: Sendable {
    static let purpose = PayoutPurpose("remainder")
    /// Accounts that one transaction reads.
    private static let batchMax = 200

    private let database: any Database
    private let calls: ProviderCallService
    private let payouts: PayoutService
    private let money: MoneyLedgerService

    init(
        database: any Database, calls: ProviderCallService, payouts: PayoutService, money: MoneyLedgerService
    ) {
        self.database = database
        self.calls = calls
        self.payouts = payouts
        self.money = money
    }

    /// Begins the payouts of a month, one for each payee and currency; their jobs send them. A repeat begins none
    /// twice: the month is a part of their subjects.
    func payAll() async throws(Problem) {
        guard calls.client != nil else { return }
        var last: PayableAccount?
        while true {
            let accounts = try await database.read { [last] in
                try $0.payableAccounts(after: last, limit: Self.batchMax)
            }
            for account in accounts { try await pay(account) }
            guard accounts.count == Self.batchMax else { return }
            last = accounts.last
        }
    }

    private func pay(_ account: PayableAccount) async throws(Problem) {
        guard let payee = account.owner.organisation else { return }
        let currency = account.currency
        do throws(Problem) {
            try await database.write { [money, payouts] transaction in
                let balance = try money.balances(of: account.owner, in: currency, transaction)[.payable] ?? 0
                let amount = balance - balance % currency.payoutStep
                guard amount > 0 else { return }
                let month = CivilDate(dayNumber: transaction.now.seconds.quotient(flooredBy: 86_400))
                let subject = "\(payee):\(currency.code):\(month.year)-\(month.month)"
                _ = try payouts.begin(
                    NewPayout(
                        Self.purpose, of: subject, from: .payable(of: payee), to: payee,
                        amount: Money(amount, currency), key: "remainder:\(subject)"),
                    in: transaction)
            }
        } catch {
            // The payee cannot be paid now, or the money is used meanwhile: it stays for the next month.
            guard error.kind == .payoutAccountMissing || error.kind == .ledgerOverdrawn else { throw error }
        }
    }
}

/// An account with money of a payee that is in no payout.
struct PayableAccount: Sendable {
    let owner: MoneyOwner
    let currency: Currency
}
