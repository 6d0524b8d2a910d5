import Identity
import Modules

/// Who may act on an event and on its bookings: its organizer, the vendor of a booking, and administrators. It is
/// decided in the transaction of the work.
extension Transaction {
    /// Locks the event for its organizer, or for an administrator.
    /// - Throws: `not-found`; `not-the-owner` for a caller who may see the event and not change it.
    func lockedEvent(_ id: ID<MarketplaceEvent>, asOrganizer scope: Scope) throws -> MarketplaceEvent {
        let isAdministrator = try requireMarketplaceCaller(scope)
        guard let event = try lockedEvent(id) else { throw Problem(.notFound) }
        guard isAdministrator || event.organisation == scope.organisation else {
            throw Problem(try isParticipant(scope, of: id) ? .notTheOwner : .notFound)
        }
        return event
    }

    /// Locks a booking and its event for the vendor.
    /// - Throws: `not-found`; `not-assigned` for a caller who may see the event and is not the vendor.
    func lockedServiceBooking(
        _ id: ID<ServiceBooking>, asVendor scope: Scope
    ) throws -> (booking: ServiceBooking, event: MarketplaceEvent) {
        try requireMarketplaceCaller(scope)
        guard let (booking, event) = try lockedServiceBooking(id) else { throw Problem(.notFound) }
        guard booking.vendorOrganisation == scope.organisation else {
            let isVisible = try event.organisation == scope.organisation || isParticipant(scope, of: event.id)
            throw Problem(isVisible ? .notAssigned : .notFound)
        }
        return (booking, event)
    }

    /// Locks a booking and its event for the organizer, or for an administrator.
    /// - Throws: `not-found`; `not-the-owner` for a caller who may see the event and not change it.
    func lockedServiceBooking(
        _ id: ID<ServiceBooking>, asOrganizer scope: Scope
    ) throws -> (booking: ServiceBooking, event: MarketplaceEvent) {
        let isAdministrator = try requireMarketplaceCaller(scope)
        guard let (booking, event) = try lockedServiceBooking(id) else { throw Problem(.notFound) }
        guard isAdministrator || event.organisation == scope.organisation else {
            throw Problem(try isParticipant(scope, of: event.id) ? .notTheOwner : .notFound)
        }
        return (booking, event)
    }

    /// Checks the caller's account and membership again.
    /// - Returns: whether the caller is an administrator.
    @discardableResult
    func requireMarketplaceCaller(_ scope: Scope) throws -> Bool {
        let person = try requireCaller(scope)
        try authority(of: scope, OrganisationRole.allCases)
        return person.role == .admin
    }

    /// Whether the caller takes part in another organisation's event: as a vendor, or as a collaborator.
    func isParticipant(_ scope: Scope, of event: ID<MarketplaceEvent>) throws -> Bool {
        try first(
            """
            SELECT id FROM marketplace_event_services
            WHERE event_id = \(event) AND vendor_organisation_id = \(scope.organisation) AND status <> 'cancelled'
            UNION ALL
            SELECT id FROM marketplace_collaborators
            WHERE event_id = \(event) AND user_id = \(scope.person) AND accepted_at IS NOT NULL
            LIMIT 1
            """
        ) != nil
    }
}
