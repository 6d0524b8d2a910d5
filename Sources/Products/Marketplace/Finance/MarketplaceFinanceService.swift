import Billing
import Identity
import Modules

/// The money of Marketplace, for administrators. The amounts of all events are balances of accounts, which every
/// posting keeps; those of one event are read from its payments and payouts.
final class MarketplaceFinanceService: Sendable {
    private let database: any Database
    private let finance: FinanceService
    private let payments: PaymentService
    private let payouts: PayoutService
    private let funds: EventFundsReader

    init(
        database: any Database, finance: FinanceService, payments: PaymentService, payouts: PayoutService,
        funds: EventFundsReader
    ) {
        self.database = database
        self.finance = finance
        self.payments = payments
        self.payouts = payouts
        self.funds = funds
    }

    /// The amounts of each currency that has movements, in the order of the codes.
    func overview() async throws(Problem) -> FinanceOverviewView {
        let overview = try await database.read { [finance] in try finance.overview(in: $0) }
        return FinanceOverviewView(currencies: overview.map { CurrencyFinances($0) })
    }

    /// - Throws: `not-found`.
    func summary(of id: ID<MarketplaceEvent>) async throws(Problem) -> EventFinances {
        try await database.read { [self] transaction in
            guard let event = try transaction.event(id) else { throw Problem(.notFound) }
            let paid = try transaction.serviceBookings(of: id).compactMap { booking in
                try payouts.payout(of: .release, booking.id.text, in: transaction)
            }.filter(\.state.hasTransferred)
            return EventFinances(
                event, try payments.payments(of: .event, subject: id.text, in: transaction),
                try funds.funds(of: id, in: transaction), released: paid)
        }
    }
}
