import Modules

struct OrganisationRequest: Payload {
    var name: String

    static let rules: [String: Rule] = ["name": .length(1...100)]
}

struct OrganisationView: Payload {
    var id: ID<Organisation>
    var name: String
    /// The caller's role in it.
    var role: OrganisationRole
    /// Whether it is the caller's personal organisation, created with the account.
    var isPersonal: Bool
    var createdAt: Instant

    init(row: Row, for person: ID<Person>) throws {
        id = try row["id"]
        name = try row["name"]
        role = try row["role"]
        isPersonal = try row.read("personal_of", as: String?.self) == person.text
        createdAt = try row["created_at"]
    }
}

struct OrganisationList: Payload {
    var organisations: [OrganisationView]

    var listTotal: Int64? { Int64(organisations.count) }
}

struct MemberView: Payload {
    var userId: ID<Person>
    var email: String
    var fullName: String?
    var role: OrganisationRole
    var joinedAt: Instant

    init(row: Row) throws {
        userId = try row["id"]
        email = try row["email"]
        fullName = try row["full_name"]
        role = try row["role"]
        joinedAt = try row["created_at"]
    }
}

struct MemberPage: Payload {
    var members: [MemberView]
    var total: Int64
    var limit: Int
    var offset: Int

    var listTotal: Int64? { total }
}

struct MemberRoleRequest: Payload {
    var role: OrganisationRole
    /// This or `mfa_code` is required for the roles `owner` and `admin`, unless the sign-in is younger than five
    /// minutes.
    var password: String?
    var mfaCode: String?

    static let rules: [String: Rule] = ["password": .length(1...1_024), "mfa_code": .length(1...64)]
}

struct MemberRoleChange: Payload {
    var userId: ID<Person>
    var role: OrganisationRole
    var previousRole: OrganisationRole
}

struct OrganisationSwitchRequest: Payload {
    var organisationId: ID<Organisation>
}

/// An access token for another organisation. The refresh token does not change.
struct OrganisationSwitch: Payload {
    var accessToken: String
    var tokenType = "bearer"
    var expiresIn: Int
    var csrfToken: String
    var organisationId: ID<Organisation>
}
