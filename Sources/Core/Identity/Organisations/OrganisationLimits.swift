/// Limits of what members can create.
enum OrganisationLimits {
    /// Organisations of one person.
    static let perPerson: Int64 = 50
    /// Members of one organisation.
    static let members: Int64 = 500
    /// Invitations that one organisation sends in 24 hours.
    static let invitationsPerDay: Int64 = 100
}
