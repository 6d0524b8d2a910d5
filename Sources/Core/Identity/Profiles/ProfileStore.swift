import Foundation
import Modules

/// An account with what the person reads of it.
struct AccountRecord: Sendable {
    let person: Person
    /// Sign-ins that last: browsers, apps and the like.
    let signIns: Int64
    let lastLogin: Instant?
}

/// The SQL of profiles.
extension Transaction {
    func preferences(of id: ID<Person>) throws -> [String: JSONValue] {
        let text = try first("SELECT preferences FROM people WHERE id = \(id)") { try $0["preferences"] as String }
        return try JSONDecoder().decode([String: JSONValue].self, from: Data((text ?? "{}").utf8))
    }

    /// Writes what a person may change of their account. The statement fails as a duplicate where the user name belongs
    /// to another account.
    func update(_ id: ID<Person>, _ profile: ChangedProfile) throws {
        try execute(
            """
            UPDATE people SET username = \(profile.username),
                username_key = \(profile.username.map(CanonicalText.accountKey)), full_name = \(profile.fullName),
                first_name = \(profile.firstName), last_name = \(profile.lastName), phone = \(profile.phone),
                updated_at = \(now)
            WHERE id = \(id)
            """
        )
        if let preferences = profile.preferences {
            try execute("UPDATE people SET preferences = \(preferences) WHERE id = \(id)")
        }
    }

    /// - Returns: false for an account that is closed.
    func close(_ id: ID<Person>) throws -> Bool {
        try execute("UPDATE people SET closed_at = \(now), updated_at = \(now) WHERE id = \(id) AND closed_at IS NULL")
            == 1
    }

    /// Frees the address and the user name of a closed account. The text that replaces the address has no '@', so that
    /// it equals no address.
    func releaseAddress(of id: ID<Person>) throws {
        try execute(
            """
            UPDATE people SET email = 'closed:' || id, email_key = 'closed:' || id, username = NULL, username_key = NULL
            WHERE id = \(id) AND closed_at IS NOT NULL
            """
        )
    }

    /// Reopens a closed or suspended account.
    /// - Returns: false for an account that is open, and for one whose address was freed.
    func reopen(_ id: ID<Person>) throws -> Bool {
        try execute(
            """
            UPDATE people SET closed_at = NULL, suspended_at = NULL, updated_at = \(now)
            WHERE id = \(id) AND (closed_at IS NOT NULL OR suspended_at IS NOT NULL)
                AND email_key LIKE '%@%'
            """
        ) == 1
    }
}

/// The new values of what a person may change of their profile.
struct ChangedProfile: Sendable {
    var username: String?
    var fullName: String?
    var firstName: String?
    var lastName: String?
    var phone: String?
    /// As JSON; nil leaves the stored value.
    var preferences: String?
}
