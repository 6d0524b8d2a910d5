/// The columns that may contain personal data. Their names are part of the chain's hashes.
enum PersonalField: String, Sendable, CaseIterable {
    case actor = "actor_id"
    case impersonator = "impersonator_id"
    case subject
    case target = "target_id"
    case address
    case request = "request_id"
    case details

    /// The columns that contain an id, which an erasure replaces with a pseudonym.
    static let ids: [PersonalField] = [.actor, .impersonator, .subject, .target]
}
