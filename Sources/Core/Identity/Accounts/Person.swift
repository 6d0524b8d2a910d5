package import Modules

/// The body of work and money that accounts belong to; everything owned is owned by one.
package struct Organisation {}

/// Somebody with an account.
package struct Person: Sendable {
    package let id: ID<Person>
    package let organisation: ID<Organisation>
    package let email: String
    package let username: String?
    package let fullName: String?
    package let role: Role
    package let isEmailVerified: Bool
    package let isSuspended: Bool
    package let createdAt: Instant
    let passwordHash: String
}

/// What a person is, as far as doors care.
package enum Role: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
    case user, student, employee, professional, organizer
    case venueOwner = "venue_owner"
    case serviceProvider = "service_provider"
    case lab, developer, analyst, moderator, admin

    /// Whether a person may choose it at registration; the others are only given.
    package var isOpenToAll: Bool {
        switch self {
        case .user, .student, .employee, .professional, .organizer, .venueOwner, .serviceProvider: true
        case .lab, .developer, .analyst, .moderator, .admin: false
        }
    }
}

/// An e-mail address as it was given, and the key that it is compared by.
package struct EmailAddress: Sendable, Hashable {
    package let text: String
    /// Unicode NFKC, lower case: two spellings of one address have the same key.
    package let key: String

    private static let keyBytesMax = 1_024

    /// - Returns: nil unless `text` has one `@`, a name before it and a domain with a dot behind it, in at most 254 characters and
    ///   without white space or control characters.
    package init?(_ text: String) {
        let trimmed = text.trimmingPrefix(while: \.isWhitespace)
        guard trimmed.unicodeScalars.count <= 254,
            !trimmed.unicodeScalars.contains(where: {
                $0.properties.isWhitespace || $0.value < 33 || $0.value == 127 || $0.properties.generalCategory == .format
            })
        else { return nil }
        let parts = trimmed.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, parts[0].unicodeScalars.count <= 64 else { return nil }
        let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        guard labels.count >= 2, labels.allSatisfy({ !$0.isEmpty && $0.utf8.count <= 63 && !$0.hasPrefix("-") && !$0.hasSuffix("-") }) else { return nil }
        let key = CanonicalText.key(of: String(trimmed))
        // Some characters unfold into a whole phrase, and an index takes only so much.
        guard key.utf8.count <= Self.keyBytesMax else { return nil }
        self.text = String(trimmed)
        self.key = key
    }
}
