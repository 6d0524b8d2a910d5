import Audit
import Billing
import Identity
import Modules

/// Pays the vendors of completed services out of the money that is held for their event, once.
final class ReleaseService: Sendable {
    /// What a request does after its transaction.
    enum Step: Sendable {
        case ended(ServiceReleased)
        /// - Parameter isOwn: whether this request has begun the payout.
        case send(ID<Payout>, isOwn: Bool)
    }

    private let database: any Database
    private let payouts: PayoutService
    private let funds: EventFundsReader
    private let commission: Commission
    private let notices: ReleaseNotices
    private let audit: AuditService

    init(
        database: any Database, payouts: PayoutService, funds: EventFundsReader, commission: Commission,
        notices: ReleaseNotices, audit: AuditService
    ) {
        self.database = database
        self.payouts = payouts
        self.funds = funds
        self.commission = commission
        self.notices = notices
        self.audit = audit
        payouts.onChange(
            of: .release,
            locking: { subject, transaction in
                _ = try ID<ServiceBooking>(subject).flatMap { try transaction.lockedServiceBooking($0) }
            },
            checking: { payout, transaction in try Self.objection(to: payout, in: transaction) }
        ) { [weak self] in try self?.apply($0, after: $1, in: $2) }
    }

    /// The organizer, or an administrator, approves a completed service: its vendor is paid.
    ///
    /// Of several requests at once one begins the payout; the others wait for its end.
    /// - Returns: `underWay` where the outcome is not known after 10 s.
    /// - Throws: `not-found`, `not-the-owner`, `own-vendor`; `service-not-completed`, `release-in-progress`;
    ///   `event-not-paid`; `payouts-disabled`; `onboarding-required`; `payout-held`; `not-configured`;
    ///   `transfer-failed` after a definite refusal: the service is unchanged and can be tried again.
    func release(_ id: ID<ServiceBooking>, scope: Scope) async throws(Problem) -> ReleaseResponse {
        let step = try await database.write { [self] transaction -> Step in
            do {
                let (booking, event) = try transaction.lockedServiceBooking(id, asOrganizer: scope)
                return try begin(booking, of: event, scope: scope, in: transaction)
            } catch let problem as Problem where problem.kind == .notFound && problem.detail == nil {
                throw Problem(.notFound, detail: "Event service not found")
            }
        }
        return try await finish(step, of: id)
    }

    // MARK: In a transaction

    /// Begins the payout of a booking, or finds the one that there is.
    /// - Parameter booking: locked, as its event.
    func begin(
        _ booking: ServiceBooking, of event: MarketplaceEvent, scope: Scope, in transaction: Transaction
    ) throws -> Step {
        if let payout = try payouts.payout(of: .release, booking.id.text, in: transaction) {
            switch payout.state {
            case .transferred, .paid, .returned: return .ended(ServiceReleased(booking.id, payout, already: true))
            case .requested, .held, .reserved, .sending, .unknown, .reversing: return .send(payout.id, isOwn: false)
            case .refused, .reversed, .canceled: break
            }
        }
        if booking.status == .paid {
            return .ended(
                ServiceReleased(booking.id, payout: booking.price, commission: 0, transfer: nil, already: true))
        }
        guard booking.status == .completed else {
            throw Problem(.serviceNotCompleted, members: ["service_status": .string(booking.status.rawValue)])
        }
        try requirePayee(of: booking, event, scope: scope, in: transaction)
        guard booking.price.minorUnits > 0 else { return try close(booking, scope: scope, in: transaction) }
        let available = try funds.funds(of: event.id, in: transaction).available
        guard available >= booking.price.minorUnits else {
            throw Problem(
                .eventNotPaid, detail: "\(Money(max(0, available), event.currency)) are held for this event.",
                members: ["held_minor": .integer(max(0, available)), "currency": .string(event.currency.code)])
        }
        return try reserve(booking, of: event, scope: scope, in: transaction)
    }

    private func requirePayee(
        of booking: ServiceBooking, _ event: MarketplaceEvent, scope: Scope, in transaction: Transaction
    ) throws {
        guard let vendor = try transaction.vendor(booking.vendor) else {
            throw Problem(.notFound, detail: "Service provider not found")
        }
        guard vendor.status != .suspended else { throw Problem(.payoutsDisabled) }
        // The organizer spends their own money; an administrator decides about that of others.
        guard try event.organisation == scope.organisation || transaction.mayDecide(scope, about: vendor) else {
            throw Problem(.ownVendor)
        }
    }

    private func reserve(
        _ booking: ServiceBooking, of event: MarketplaceEvent, scope: Scope, in transaction: Transaction
    ) throws -> Step {
        let new = NewPayout(
            .release, of: booking.id.text, from: try funds.account(of: event, in: transaction),
            to: booking.vendorOrganisation, amount: booking.price,
            commission: commission.part(of: booking.price), key: "release_payment:\(booking.id)",
            metadata: [
                "event_service_id": booking.id.text, "event_id": booking.event.text, "approver": scope.person.text,
            ])
        do {
            switch try payouts.begin(new, by: scope, in: transaction) {
            case .started(let payout): return .send(payout.id, isOwn: true)
            case .existing(let payout): return .send(payout.id, isOwn: false)
            }
        } catch let problem as Problem where problem.kind == .payoutAccountMissing {
            throw Problem(
                .onboardingRequired,
                detail: problem.detail ?? "Provider onboarding required: missing Stripe account ID",
                members: ["onboarding_required": true])
        }
    }

    /// Ends a service that costs nothing: there is no transfer.
    private func close(_ booking: ServiceBooking, scope: Scope, in transaction: Transaction) throws -> Step {
        var booking = booking
        try booking.markPaid(at: transaction.now)
        try transaction.update(booking)
        try audit.record(
            AuditEvent("service.approved", by: scope, in: booking.organisation, subject: booking.id.text),
            in: transaction)
        return .ended(ServiceReleased(booking.id, payout: booking.price, commission: 0, transfer: nil, already: false))
    }

    // MARK: After the commit

    /// Sends a payout that was begun, or waits for the request that sends it.
    /// - Throws: `transfer-failed`, `payout-held`.
    func finish(_ step: Step, of id: ID<ServiceBooking>) async throws(Problem) -> ReleaseResponse {
        switch step {
        case .ended(let released): return .released(released)
        case .send(let payout, let isOwn):
            let payout = try await payouts.send(payout)
            switch payout.state {
            case .transferred, .paid, .returned:
                return .released(ServiceReleased(id, payout, already: !isOwn))
            case .refused:
                throw Problem(
                    .transferFailed, detail: "Payment transfer failed: \(payout.reason ?? "the provider refused it")")
            case .reserved, .sending, .unknown: return .underWay(ReleaseUnderWay(id))
            case .requested, .held, .reversing, .reversed, .canceled:
                throw Problem(
                    .payoutHeld, detail: payout.reason,
                    members: ["already_processing": true, "payout_state": .string(payout.state.rawValue)])
            }
        }
    }

    // MARK: Changes of payouts

    /// A vendor that was suspended after the release began is not paid.
    private static func objection(to payout: Payout, in transaction: Transaction) throws -> PayoutService.Objection? {
        guard let booking = try ID<ServiceBooking>(payout.subject).flatMap({ try transaction.serviceBooking($0) }),
            try transaction.vendor(booking.vendor)?.status == .suspended
        else { return nil }
        return PayoutService.Objection(.vendor, Problem.Kind.payoutsDisabled.title)
    }

    /// Applies a change of a payout to its service, and tells the vendor, in the transaction of the change.
    private func apply(_ payout: Payout, after before: Payout.State?, in transaction: Transaction) throws {
        guard let id = ID<ServiceBooking>(payout.subject),
            let (locked, event) = try transaction.lockedServiceBooking(id)
        else { return }
        var booking = locked
        switch payout.state {
        case .requested, .held, .reserved, .sending, .unknown:
            guard booking.release == nil else { return }
            try booking.beginRelease(ID(trusted: payout.id.text))
        case .transferred:
            // A reversal that was refused ends here too.
            guard booking.status != .paid else { return }
            try booking.markPaid(at: transaction.now)
            try notices.paid(booking, of: event, payout, in: transaction)
        case .refused:
            booking.endRefusedRelease()
            // Once for a payout: the client that tries it again sees the outcome.
            if try payouts.countRefusals(of: payout.id, in: transaction) == 1 {
                try notices.failed(booking, of: event, payout, in: transaction)
            }
        case .canceled: booking.endRefusedRelease()
        case .reversed:
            try booking.reverse()
            try notices.takenBack(booking, of: event, payout, in: transaction)
        case .returned:
            // A reversal that was refused ends here too.
            guard before != .reversing else { return }
            return try notices.returned(booking, of: event, payout, in: transaction)
        case .paid, .reversing: return
        }
        try transaction.update(booking)
    }
}

extension PayoutHold {
    /// The vendor is suspended; ends with its next approval.
    static let vendor = PayoutHold("marketplace.vendor")
    /// The payouts of the event are held; ends with `resume-payouts`.
    static let event = PayoutHold("marketplace.event")
}

extension PayoutPurpose {
    /// The payment of a completed service; the subject is the id of the booking.
    static let release = PayoutPurpose("marketplace.release")
}
