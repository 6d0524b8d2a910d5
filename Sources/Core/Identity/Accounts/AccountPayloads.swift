import Modules

struct Registration: Payload {
    var email: String
    var password: String
    var username: String?
    var fullName: String?
    var firstName: String?
    var lastName: String?
    var phone: String?
    var organization: String?
    var studentId: String?
    var employeeId: String?
    /// Accepted for clients that send it; accounts are created with a password.
    var authProvider: String?
    var role: Role?

    static let rules: [String: Rule] = [
        "email": .length(3...254), "password": .length(1...1_024), "username": .length(1...64),
        "full_name": .length(0...200),
        "first_name": .length(0...100), "last_name": .length(0...100), "phone": .length(0...40),
        "organization": .length(0...200),
        "student_id": .length(0...100), "employee_id": .length(0...100),
        "auth_provider": .oneOf(["email", "local", "password"]),
        "role": .oneOf(Role.allCases.filter(\.isOpenToAll).map(\.rawValue)),
    ]
}

struct Refresh: FormReadable {
    var refreshToken: String
    var grantType: String?

    static let rules: [String: Rule] = ["refresh_token": .length(1...4_096), "grant_type": .length(0...40)]
}

struct User: Payload {
    var id: ID<Person>
    var email: String
    var username: String?
    var fullName: String?
    var firstName: String?
    var lastName: String?
    var role: Role
    var roles: [Role]
    var isActive: Bool
    var isVerified: Bool
    var emailVerified: Bool
    var organisationId: ID<Organisation>
    var createdAt: Instant
    /// Null: `POST user/profile/reset-api-key` creates a key and shows it once, when the address is verified. The
    /// member is there for clients that read it at registration.
    var apiKey = NullMember()

    init(_ person: Person) {
        id = person.id
        email = person.email
        username = person.username
        fullName = person.fullName
        firstName = person.firstName
        lastName = person.lastName
        role = person.role
        roles = [person.role]
        isActive = !person.isSuspended
        isVerified = person.isEmailVerified
        emailVerified = person.isEmailVerified
        organisationId = person.organisation
        createdAt = person.createdAt
    }
}

/// A member that is always present and null.
struct NullMember: Codable, Sendable, SchemaProviding {
    static var schema: Schema { .nullable(.string()) }
    static var sample: NullMember { NullMember() }

    init() {}
    init(from _: any Decoder) {}

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encodeNil()
    }
}

package struct SignedIn: Payload {
    var accessToken: String
    var refreshToken: String
    var tokenType = "bearer"
    var expiresIn: Int
    var csrfToken: String
    var user: User
}

/// The response of `signup` and `signin`: ``SignedIn`` with the tokens again as a pair.
struct SignedInWithPair: Payload {
    struct Pair: Payload {
        var accessToken: String
        var refreshToken: String
        var tokenType = "Bearer"
        var expiresIn: Int
    }

    var accessToken: String
    var refreshToken: String
    var tokenType: String
    var expiresIn: Int
    var csrfToken: String
    var user: User
    var tokens: Pair

    init(_ signedIn: SignedIn) {
        accessToken = signedIn.accessToken
        refreshToken = signedIn.refreshToken
        tokenType = signedIn.tokenType
        expiresIn = signedIn.expiresIn
        csrfToken = signedIn.csrfToken
        user = signedIn.user
        tokens = Pair(
            accessToken: signedIn.accessToken, refreshToken: signedIn.refreshToken, expiresIn: signedIn.expiresIn)
    }
}

struct SignedOut: Payload {
    var message: String
}
