import Audit
import Foundation
import Modules

/// Reads and changes profiles.
final class ProfileService: Sendable {
    private let database: any Database
    private let accountCache: AccountCache
    private let events: IdentityEvents
    private let audit: AuditService
    private let runtime: Runtime

    /// The greatest size of preferences, in bytes of JSON.
    static let preferencesBytesMax = 16 << 10

    init(
        database: any Database, accountCache: AccountCache, events: IdentityEvents, audit: AuditService,
        runtime: Runtime
    ) {
        self.database = database
        self.accountCache = accountCache
        self.events = events
        self.audit = audit
        self.runtime = runtime
        events.onActiveSessionsChanged { [accountCache] in accountCache.invalidate($0) }
    }

    func account(_ scope: Scope) async throws(Problem) -> PreencodedResponse<Account> {
        try await accountCache.account(of: scope.person, at: runtime.now()) { () async throws(Problem) in
            try await database.read { [events] transaction in
                guard let record = try transaction.account(of: scope.person) else { throw Problem(.notFound) }
                return Account(record, activeSessions: try events.activeSessions(of: scope.person, in: transaction))
            }
        }
    }

    /// - Parameter includesKey: whether the response has the prefix of the default API key.
    func profile(_ scope: Scope, includesKey: Bool) async throws(Problem) -> UserProfile {
        try await database.read { [events] transaction in
            guard let record = try transaction.account(of: scope.person) else { throw Problem(.notFound) }
            return UserProfile(
                record,
                activeSessions: try events.activeSessions(of: scope.person, in: transaction),
                preferences: try transaction.preferences(of: scope.person),
                usage: try events.usage(of: record.person, in: transaction),
                includesKey: includesKey
            )
        }
    }

    /// Changes the members of a profile that are present; absent and null members stay, an empty text clears one.
    /// - Throws: `validation-failed`; `account-exists` where the user name belongs to another account.
    func change(_ change: ProfileChange, scope: Scope) async throws(Problem) {
        let preferences = try change.preferences.map(Self.text)
        defer { accountCache.invalidate(scope.person) }
        do {
            try await database.write { [audit] transaction in
                guard let person = try transaction.lockedPerson(scope.person) else { throw Problem(.notFound) }
                try transaction.update(person.id, try change.applied(to: person, preferences: preferences))
                let details = ["fields": change.fields.joined(separator: " ")]
                try audit.record(
                    AuditEvent("profile.changed", by: scope, subject: person.id.text, details: details),
                    in: transaction)
            }
        } catch {
            throw error.isDuplicate ? Problem(.accountExists) : error
        }
    }

    private static func text(of preferences: [String: JSONValue]) throws(Problem) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(preferences), data.count <= preferencesBytesMax else {
            throw Problem.invalid("/preferences", "must have at most \(preferencesBytesMax) bytes as JSON")
        }
        return String(decoding: data, as: UTF8.self)
    }
}

extension ProfileChange {
    /// The JSON names of the members that are present.
    var fields: [String] {
        let given: [(String, Bool)] = [
            ("username", username != nil), ("full_name", fullName != nil), ("first_name", firstName != nil),
            ("last_name", lastName != nil),
            ("phone", phone != nil), ("preferences", preferences != nil),
        ]
        return given.filter(\.1).map(\.0)
    }

    /// - Throws: `validation-failed` for a name that ``NameRules`` refuses, and for another e-mail address.
    fileprivate func applied(to person: Person, preferences: String?) throws(Problem) -> ChangedProfile {
        let key = CanonicalText.accountKey(of: person.email)
        if let email, CanonicalText.accountKey(of: email.filter { !$0.isWhitespace }) != key {
            throw Problem.invalid(
                "/email",
                "is changed by POST /v1/auth/change-email, which requires the password and verifies the new address")
        }
        return ChangedProfile(
            username: username == nil ? person.username : try NameRules.username(username, beside: key),
            fullName: fullName == nil ? person.fullName : try NameRules.name(fullName, "full_name"),
            firstName: firstName == nil ? person.firstName : try NameRules.name(firstName, "first_name"),
            lastName: lastName == nil ? person.lastName : try NameRules.name(lastName, "last_name"),
            phone: phone == nil ? person.phone : try NameRules.line(phone, "phone"),
            preferences: preferences
        )
    }
}
