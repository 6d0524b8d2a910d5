package import Modules

/// A person with an account.
package struct Person: Sendable {
    package let id: ID<Person>
    package let organisation: ID<Organisation>
    package let email: String
    package let username: String?
    package let fullName: String?
    package let firstName: String?
    package let lastName: String?
    package let phone: String?
    package let role: Role
    package let isEmailVerified: Bool
    /// Whether the account is suspended by an administrator or closed by its owner. It cannot be signed in to.
    package let isSuspended: Bool
    package let createdAt: Instant
    package let updatedAt: Instant
    let passwordHash: String
}

extension Person {
    /// The name in the salutation of e-mails; empty where no name is known.
    var callingName: String { firstName ?? fullName ?? "" }
    /// The full name, or else the user name or the address: never empty.
    var displayName: String { fullName ?? username ?? email }
}
