import Foundation
import Modules

/// What a person sees of their account.
struct AccountRecord: Sendable {
    let person: Person
    let sessions: Int64
    let lastLogin: Instant?
}

/// Every SQL statement about what people say of themselves.
extension Transaction {
    func preferences(of id: ID<Person>) throws -> [String: JSONValue] {
        let text = try first("SELECT preferences FROM people WHERE id = \(id)") { try $0["preferences"] as String }
        return try JSONDecoder().decode([String: JSONValue].self, from: Data((text ?? "{}").utf8))
    }

    /// Writes what of a person may be changed by themselves. The user name must be free, or the statement fails as a duplicate.
    func update(_ id: ID<Person>, _ profile: ChangedProfile) throws {
        try execute(
            """
            UPDATE people SET username = \(profile.username), username_key = \(profile.username.map(CanonicalText.key)), full_name = \(profile.fullName),
                first_name = \(profile.firstName), last_name = \(profile.lastName), phone = \(profile.phone), updated_at = \(now)
            WHERE id = \(id)
            """
        )
        if let preferences = profile.preferences {
            try execute("UPDATE people SET preferences = \(preferences) WHERE id = \(id)")
        }
    }

    /// - Returns: false when the account is closed already.
    func close(_ id: ID<Person>) throws -> Bool {
        try execute("UPDATE people SET closed_at = \(now), updated_at = \(now) WHERE id = \(id) AND closed_at IS NULL")
            == 1
    }

    /// Opens an account again that was closed or suspended.
    /// - Returns: false when it is open.
    func reopen(_ id: ID<Person>) throws -> Bool {
        try execute(
            """
            UPDATE people SET closed_at = NULL, suspended_at = NULL, updated_at = \(now)
            WHERE id = \(id) AND (closed_at IS NOT NULL OR suspended_at IS NOT NULL)
            """
        ) == 1
    }
}

/// All of a profile that a person may change, as it is to be.
struct ChangedProfile: Sendable {
    var username: String?
    var fullName: String?
    var firstName: String?
    var lastName: String?
    var phone: String?
    /// As JSON; nil leaves what is there.
    var preferences: String?
}
