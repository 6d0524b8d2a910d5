import Modules

/// The state of a venue or of a service provider. Administrators decide; owners answer by changing their business.
///
/// | state | event | next |
/// |---|---|---|
/// | – | create | pending |
/// | pending, needs_changes, suspended | approve | approved |
/// | pending, approved | ask for changes | needs_changes |
/// | needs_changes | the owner changes it | pending |
/// | pending, approved, needs_changes | disable payouts | suspended |
enum VendorStatus: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
    case pending, approved
    case needsChanges = "needs_changes"
    case suspended

    /// The decision of an administrator.
    enum Decision: String, Sendable {
        case approve
        case needsChanges = "needs_changes"
        case suspend
    }

    /// - Throws: `vendor-state`, also for a decision that changes nothing.
    mutating func decide(_ decision: Decision) throws(Problem) {
        switch (self, decision) {
        case (.pending, .approve), (.needsChanges, .approve), (.suspended, .approve): self = .approved
        case (.pending, .needsChanges), (.approved, .needsChanges): self = .needsChanges
        case (.pending, .suspend), (.approved, .suspend), (.needsChanges, .suspend): self = .suspended
        default:
            throw Problem(.vendorState, detail: "It is \(rawValue).", members: ["vendor_status": .string(rawValue)])
        }
    }

    /// The owner has changed the business.
    mutating func change() {
        if self == .needsChanges { self = .pending }
    }
}
