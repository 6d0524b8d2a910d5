/// Limits of what members can create.
enum OrganisationLimits {
    /// Organisations of one person.
    static let perPerson: Int64 = 50
    /// Members of one organisation.
    static let members: Int64 = 500
    /// Invitations that one organisation sends in 24 hours.
    static let invitationsPerDay: Int64 = 100
    /// Invitations that one person sends in 24 hours, from all organisations.
    static let invitationsPerPersonAndDay: Int64 = 100
    /// Invitations that one recipient is sent in 24 hours, from all organisations and persons, whatever sub-address.
    static let invitationsPerRecipientAndDay: Int64 = 10
}
