import Audit
import Billing
import Identity
import Modules

/// The decisions of administrators about disputed services: the vendor is paid, or the organizer gets the money back.
final class DisputeResolutionService: Sendable {
    private enum Effect: Sendable {
        case release(ReleaseService.Step)
        case refund(EventRefundService.Returned)
    }

    private let database: any Database
    private let lifecycle: EventLifecycleService
    private let releases: ReleaseService
    private let returns: EventRefundService
    private let audit: AuditService

    init(
        database: any Database, lifecycle: EventLifecycleService, releases: ReleaseService,
        returns: EventRefundService, audit: AuditService
    ) {
        self.database = database
        self.lifecycle = lifecycle
        self.releases = releases
        self.returns = returns
        self.audit = audit
    }

    /// Marks a dispute as under review.
    /// - Throws: `not-found`; `service-state` for one that is resolved.
    func review(_ id: ID<MarketplaceDispute>, scope: Scope) async throws(Problem) -> DisputeView {
        try await database.write { [audit] transaction in
            try transaction.requireCaller(scope, as: .admin)
            guard var dispute = try transaction.dispute(id, isLocked: true) else { throw Problem(.notFound) }
            try dispute.review()
            try transaction.update(dispute)
            try audit.record(
                AuditEvent("dispute.under_review", by: scope, in: dispute.organisation, subject: id.text),
                in: transaction)
            return try DisputeView(dispute, in: transaction)
        }
    }

    /// Resolves a dispute. The service of the vendor counts as completed, and its payment begins; or it is cancelled,
    /// and its price goes back to the organizer whole.
    /// A repeat with the same decision answers as the first request.
    /// - Throws: `not-found`; `own-vendor`; `service-state` for one that is resolved otherwise. To release also as
    ///   ``ReleaseService/release(_:scope:)``; after `transfer-failed` the dispute is resolved and the service
    ///   completed, and its release can be tried again.
    func resolve(_ id: ID<MarketplaceDispute>, _ request: DisputeResolution, scope: Scope) async throws(Problem)
        -> DisputeResolved
    {
        let (booking, effect) = try await database.write { [self] transaction in
            try transaction.requireCaller(scope, as: .admin)
            guard let found = try transaction.dispute(id),
                let (booking, event) = try transaction.lockedServiceBooking(found.booking),
                var dispute = try transaction.dispute(id, isLocked: true)
            else { throw Problem(.notFound) }
            guard let vendor = try transaction.vendor(booking.vendor), try transaction.mayDecide(scope, about: vendor)
            else { throw Problem(.ownVendor) }
            if dispute.status == .resolved, dispute.releasesFunds == request.releaseFunds {
                return (booking.id, try repeated(dispute, booking, of: event, scope, in: transaction))
            }
            try dispute.resolve(
                request.resolution, releasesFunds: request.releaseFunds, by: scope.person, at: transaction.now)
            try transaction.update(dispute)
            try audit.record(
                AuditEvent(
                    "dispute.resolved", by: scope, in: dispute.organisation, subject: id.text,
                    details: ["event_service": booking.id.text, "release_funds": "\(request.releaseFunds)"]),
                in: transaction)
            return (
                booking.id,
                try apply(dispute, releases: request.releaseFunds, to: booking, of: event, scope, in: transaction)
            )
        }
        switch effect {
        case .release(let step): return DisputeResolved(id, try await releases.finish(step, of: booking))
        case .refund(let returned):
            return DisputeResolved(id, returned, refunds: try await returns.settle(returned.refunds))
        }
    }

    /// What a resolution has caused, for a repeat of it. A payment that was refused is tried again.
    private func repeated(
        _ dispute: MarketplaceDispute, _ booking: ServiceBooking, of event: MarketplaceEvent, _ scope: Scope,
        in transaction: Transaction
    ) throws -> Effect {
        if dispute.releasesFunds == true {
            return .release(try releases.begin(booking, of: event, scope: scope, in: transaction))
        }
        return .refund(try returns.returned(of: event, key: Self.key(of: dispute), in: transaction))
    }

    private static func key(of dispute: MarketplaceDispute) -> String { "dispute:\(dispute.id)" }

    private func apply(
        _ dispute: MarketplaceDispute, releases: Bool, to booking: ServiceBooking, of event: MarketplaceEvent,
        _ scope: Scope, in transaction: Transaction
    ) throws -> Effect {
        var (booking, event) = (booking, event)
        if releases {
            try booking.completeDisputed()
            try transaction.update(booking)
            return .release(try self.releases.begin(booking, of: event, scope: scope, in: transaction))
        }
        try lifecycle.cancelDisputed(&booking, in: transaction)
        try lifecycle.reopenIfEmpty(&event, in: transaction)
        return .refund(
            try returns.returnSurplus(
                of: event, because: "A dispute was resolved for the organizer.", key: Self.key(of: dispute),
                in: transaction))
    }
}
