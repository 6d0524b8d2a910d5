import Identity
import Modules

/// Finds the charge of an invoice that was paid.
struct FindInvoiceChargeJob: Job {
    static let name = "billing.find-invoice-charge"
    static let lane = JobLane.outbound

    let invoice: String

    static func worker(_ charges: InvoiceChargeService) -> Worker {
        Worker(Self.self) { job, _ in
            try await charges.find(of: job.invoice)
            return .done
        }
    }

    static func options(_ invoice: String, of organisation: ID<Organisation>) -> JobOptions {
        JobOptions(uniqueKey: invoice, organisation: organisation.text)
    }
}
