import Audit
import Billing
import Identity
import Modules

/// Holds and resumes the services of an event, for administrators.
final class PayoutHoldService: Sendable {
    private let database: any Database
    private let payouts: PayoutService
    private let lifecycle: EventLifecycleService
    private let returns: EventRefundService
    private let audit: AuditService

    init(
        database: any Database, payouts: PayoutService, lifecycle: EventLifecycleService,
        returns: EventRefundService, audit: AuditService
    ) {
        self.database = database
        self.payouts = payouts
        self.lifecycle = lifecycle
        self.returns = returns
        self.audit = audit
    }

    /// Holds the services of an event that are pending or completed, and the payouts that are not sent yet.
    /// - Throws: `not-found`.
    func hold(_ id: ID<MarketplaceEvent>, reason: String, scope: Scope) async throws(Problem) -> PayoutHolds {
        try await database.write { [payouts, audit] transaction in
            try transaction.requireCaller(scope, as: .admin)
            guard let event = try transaction.lockedEvent(id) else { throw Problem(.notFound) }
            var held: [ID<ServiceBooking>] = []
            for var booking in try transaction.lockedServiceBookings(of: id) {
                if let release = booking.release {
                    let payout = try payouts.payout(ID(trusted: release.text), in: transaction)
                    guard let payout, payout.state == .reserved else { continue }
                    try payouts.hold(payout.id, for: .event, reason: reason, by: scope, in: transaction)
                } else {
                    guard [.pending, .completed].contains(booking.status) else { continue }
                    try booking.hold()
                    try transaction.update(booking)
                }
                held.append(booking.id)
            }
            try audit.record(
                AuditEvent(
                    "event.payouts_held", by: scope, in: event.organisation, subject: id.text,
                    details: ["reason": reason, "services": "\(held.count)"]), in: transaction)
            return PayoutHolds(success: true, eventId: id, eventServiceIds: held)
        }
    }

    /// Ends the holds of an event's services and payouts: each has the state that it had before. A service that was not
    /// completed when its event was cancelled is cancelled too, and its price goes back.
    /// - Throws: `not-found`; `not-configured`.
    func resume(_ id: ID<MarketplaceEvent>, scope: Scope) async throws(Problem) -> PayoutHolds {
        try await database.write { [payouts, lifecycle, returns, audit] transaction in
            try transaction.requireCaller(scope, as: .admin)
            guard let event = try transaction.lockedEvent(id) else { throw Problem(.notFound) }
            var resumed: [ID<ServiceBooking>] = []
            for var booking in try transaction.lockedServiceBookings(of: id).inOrderOfSlots {
                if let release = booking.release {
                    guard try payouts.endHold(ID(trusted: release.text), for: .event, by: scope, in: transaction) else {
                        continue
                    }
                    resumed.append(booking.id)
                    continue
                }
                guard booking.status == .onHold else { continue }
                try booking.endHold()
                if event.status == .cancelled, booking.status == .pending {
                    try lifecycle.cancel(&booking, in: transaction)
                    try returns.returnSurplus(
                        of: event, because: "The event was cancelled.", key: "hold:\(booking.id)", in: transaction)
                } else {
                    try transaction.update(booking)
                }
                resumed.append(booking.id)
            }
            try audit.record(
                AuditEvent(
                    "event.payouts_resumed", by: scope, in: event.organisation, subject: id.text,
                    details: ["services": "\(resumed.count)"]), in: transaction)
            return PayoutHolds(success: true, eventId: id, eventServiceIds: resumed)
        }
    }
}
