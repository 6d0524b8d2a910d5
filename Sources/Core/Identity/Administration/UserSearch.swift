/// The filters of a search for accounts; all given filters must match.
struct UserSearch: Sendable {
    /// A substring of the address, the user name or the full name.
    var text: String?
    var role: Role?
    var isActive: Bool?
    var limit: Int
    var offset: Int
}
