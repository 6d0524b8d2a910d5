package import Modules

/// The platform's money, for administrators.
package final class FinanceService: Sendable {
    /// One object for each currency that has movements, in the order of the codes. Reads some dozens of totals,
    /// whatever the number of payments.
    package func overview(in transaction: Transaction) throws -> [FinanceOverview] {
        try transaction.moneyTotals().map { FinanceOverview($0.currency, $0.totals) }
    }
}

extension FinanceOverview {
    init(_ currency: Currency, _ totals: [MoneyAccount.Name: MoneyTotal]) {
        func balance(_ name: MoneyAccount.Name) -> Int64 { totals[name]?.balance ?? 0 }
        self.currency = currency
        received = -balance(.provider)
        revenue = balance(.revenue)
        commission = balance(.commission)
        held = balance(.held)
        payable = balance(.payable)
        payoutPending = balance(.payoutPending)
        transferred = balance(.inTransit) + balance(.paidOut)
        paidOut = balance(.paidOut)
        refundPending = balance(.refundPending)
        refunded = balance(.refunded)
        disputed = balance(.disputed)
        disputeLost = balance(.disputeLost)
        unclaimed = balance(.unclaimed)
        fees = balance(.fees)
        paymentCount = totals[.provider]?.left ?? 0
        payoutCount = totals[.inTransit]?.entered ?? 0
        refundCount = totals[.refunded]?.entered ?? 0
        disputeCount = totals[.disputed]?.entered ?? 0
    }
}
