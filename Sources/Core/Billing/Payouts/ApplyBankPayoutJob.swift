import Modules

/// Applies a payout of a connected account to its bank, which an event has named.
struct ApplyBankPayoutJob: Job {
    static let name = "billing.apply-bank-payout"
    static let lane = JobLane.outbound

    /// The connected account, `acct_…`.
    let account: String
    /// `po_…`.
    let bankPayout: String

    static func worker(_ bankPayouts: BankPayoutService) -> Worker {
        Worker(Self.self) { job, _ in
            try await bankPayouts.apply(job.bankPayout, of: job.account)
            return .done
        }
    }
}
