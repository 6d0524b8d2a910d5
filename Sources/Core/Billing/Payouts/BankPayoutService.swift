import Modules
import Stripe

/// Follows the money of payouts from a connected account to its bank. The provider pays an account's balance out by
/// itself, several transfers in one payout of its own.
final class BankPayoutService: Sendable {
    /// Transfers of one bank payout that are read; 100 a page.
    private static let pagesMax = 100

    private let database: any Database
    private let calls: ProviderCallService
    private let payouts: PayoutService

    init(
        database: any Database, calls: ProviderCallService, events: ProviderEventService, payouts: PayoutService,
        queue: JobQueue
    ) {
        self.database = database
        self.calls = calls
        self.payouts = payouts
        events.register(.payout) { object, transaction in
            // The platform's own payouts to its bank are in the nightly comparison.
            guard let account = object.account else { return .ignored }
            try queue.enqueue(
                ApplyBankPayoutJob(account: account, bankPayout: object.id),
                JobOptions(uniqueKey: "\(object.id):\(object.eventType)"), in: transaction)
            return .applied
        }
    }

    /// - Throws: `not-configured`; `provider-unavailable`, after which the job is repeated.
    func apply(_ id: String, of account: String) async throws(Problem) {
        let client = try calls.requireClient()
        guard case .done(let value) = await client.send(.payout(id, of: account), key: nil) else {
            throw Problem(.providerUnavailable)
        }
        let payout = try Problem.rethrowing { try StripePayout(value) }
        let status = payout.status.known
        guard status == .paid || status == .failed || status == .canceled else { return }
        let reason = payout.failureMessage ?? payout.failureCode ?? "The bank payout was \(payout.status.text)."
        for transfer in try await transfers(in: id, of: account, client) {
            try await database.write { [payouts] transaction in
                guard let known = try transaction.payout(ofTransfer: transfer), known.destination == account else {
                    return
                }
                if status == .paid {
                    try payouts.arrive(known.id, by: id, in: transaction)
                } else {
                    try payouts.bankReturned(known.id, by: id, reason: reason, in: transaction)
                }
            }
        }
    }

    /// The ids of the transfers whose money a bank payout has.
    private func transfers(in id: String, of account: String, _ client: StripeClient) async throws(Problem) -> [String]
    {
        var found: [String] = []
        var after: String?
        for _ in 0..<Self.pagesMax {
            guard
                case .done(let page) = await client.send(
                    .transfers(inBankPayout: id, of: account, after: after), key: nil),
                let entries = page["data"]?.array
            else { throw Problem(.providerUnavailable) }
            found += entries.compactMap { $0["source"]?["source_transfer"]?.string }
            guard page["has_more"] == .bool(true), let last = entries.last?["id"]?.string else { return found }
            after = last
        }
        return found
    }
}

extension StripeRequest {
    /// The account's balance transactions that a payout to its bank settles, with the payments that transfers made.
    fileprivate static func transfers(inBankPayout id: String, of account: String, after: String?) -> StripeRequest {
        var form = StripeForm()
        form.set("payout", id)
        form.set("type", "payment")
        form.set("expand", ["data.source"])
        form.set("limit", 100 as Int64)
        form.set("starting_after", after)
        return StripeRequest(.get, "/v1/balance_transactions", form: form, account: account)
    }
}
