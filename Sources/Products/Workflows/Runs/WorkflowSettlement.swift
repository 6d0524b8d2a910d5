import Entitlements
import Identity
import Modules

/// Settles the credit and the unit of the quota that the submission of a workflow has reserved: spent with the first
/// step that succeeds, released where the workflow ends before.
final class WorkflowSettlement: Sendable {
    private let credits: CreditService
    private let quotas: QuotaService

    /// The name under which ``resolve(_:in:)`` is registered; it is stored with each reservation.
    static let resolver = "workflows"

    init(credits: CreditService, quotas: QuotaService) {
        self.credits = credits
        self.quotas = quotas
    }

    /// Called when the lease of a reservation ends. An unfinished workflow, which may be paused for days, keeps its
    /// unit; a finished one has settled it already.
    static func resolve(_ reservation: Reservation, in transaction: Transaction) throws -> Reservation.Resolution {
        let workflow = try transaction.workflow(ofReservation: reservation.id, in: reservation.organisation)
        return workflow?.settlement == .held ? .inProgress(QuotaService.lease) : .unused
    }

    /// A step of the workflow, or of one within it, has succeeded.
    /// - Returns: false where it was settled before.
    @discardableResult
    func commit(_ workflow: inout Workflow, in transaction: Transaction) throws -> Bool {
        guard workflow.settle(.committed) else { return false }
        if let hold = workflow.creditHold {
            try credits.commit(hold, units: 1, of: workflow.organisation, in: transaction)
        }
        if let reservation = workflow.reservation { try quotas.commit(reservation, in: transaction) }
        return true
    }

    /// The workflow has ended. Nothing changes where it was settled before.
    func release(_ workflow: inout Workflow, in transaction: Transaction) throws {
        guard workflow.settle(.released) else { return }
        if let hold = workflow.creditHold { try credits.release(hold, of: workflow.organisation, in: transaction) }
        if let reservation = workflow.reservation { try quotas.release(reservation, in: transaction) }
    }

    /// Renews the lease of the credit of an unfinished workflow, which may wait or be paused for longer.
    func extend(_ workflow: Workflow, in transaction: Transaction) throws {
        guard workflow.settlement == .held, let hold = workflow.creditHold else { return }
        try credits.extend(hold, of: workflow.organisation, in: transaction)
    }
}
