/// The membership of one person in one organisation.
struct Membership: Sendable {
    let role: OrganisationRole
    /// Whether the organisation is the person's personal one.
    let isPersonal: Bool
}
