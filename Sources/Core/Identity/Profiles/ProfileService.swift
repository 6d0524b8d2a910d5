import Audit
import Foundation
import Mail
package import Modules

/// The verbs of what people see and say of themselves.
struct ProfileService: Sendable {
    let database: any Database
    let tokens: TokenIssuer
    let revocations: Revocations
    let events: IdentityEvents
    let audit: AuditService
    let mailer: Mailer
    let runtime: Runtime
    let memory: AccountCache

    /// How large preferences may be, in bytes of JSON.
    static let preferencesBytesMax = 16 << 10

    func account(_ scope: Scope) async throws(Problem) -> PreencodedResponse<Account> {
        try await memory.account(of: scope.person, at: runtime.now()) { () async throws(Problem) in
            try await database.read { transaction in
                guard let record = try transaction.account(of: scope.person) else { throw Problem(.notFound) }
                return Account(record)
            }
        }
    }

    /// - Parameter includesKey: whether the answer names the API key in use, by its prefix: a key is shown only once.
    func profile(_ scope: Scope, includesKey: Bool) async throws(Problem) -> UserProfile {
        try await database.read { [events] transaction in
            guard let record = try transaction.account(of: scope.person) else { throw Problem(.notFound) }
            return UserProfile(
                record,
                preferences: try transaction.preferences(of: scope.person),
                usage: try events.usage(of: record.person, in: transaction),
                includesKey: includesKey
            )
        }
    }

    /// Changes what of a profile is given; what is absent or null stays, and an empty text is cleared.
    /// - Throws: `validation-failed`; `account-exists` when the user name is taken.
    func change(_ request: ProfileChange, scope: Scope) async throws(Problem) {
        let preferences = try request.preferences.map(Self.text)
        do {
            try await database.write { [audit] transaction in
                guard let person = try transaction.lockedPerson(scope.person) else { throw Problem(.notFound) }
                let changed = try request.applied(to: person, preferences: preferences)
                try transaction.update(person.id, changed)
                try audit.record(
                    AuditEvent(
                        "profile.changed", by: scope, subject: person.id.text,
                        details: ["fields": request.fields.joined(separator: " ")]),
                    in: transaction
                )
            }
        } catch {
            throw error.isDuplicate ? Problem(.accountExists) : error
        }
    }

    /// Closes the caller's account: every session ends and nobody signs in to it. Its address and user name stay taken; an administrator can
    /// open it again.
    /// - Throws: `confirmation-required`.
    func close(_ scope: Scope, isConfirmed: Bool) async throws(Problem) -> AccountClosed {
        guard isConfirmed else {
            throw Problem(.confirmationRequired, detail: "Say ?confirm=true to close this account.")
        }
        let (email, ended) = try await database.write { transaction -> (String, [ID<Session>]) in
            guard let person = try transaction.lockedPerson(scope.person), try transaction.close(person.id) else {
                throw Problem(.notFound)
            }
            try transaction.endChallenges(of: person.id)
            let ended = try transaction.revokeSessions(of: person.id, because: "account closed")
            try events.accountClosed(person, in: transaction)
            try audit.record(AuditEvent("account.closed", by: scope, subject: person.id.text), in: transaction)
            try mailer.send(
                .notice("account-closed", to: person, at: transaction.now, from: scope.address), in: transaction)
            return (person.email, ended)
        }
        revocations.note(ended, at: runtime.now())
        return AccountClosed(message: "The account is closed", email: email)
    }

    /// Says whose a token is and how long it is good, to whoever has it.
    func introspect(_ token: String) async throws(Problem) -> TokenVerdict {
        do {
            let verified = try await tokens.verify(token)
            guard let person = try await database.read({ try $0.person(verified.person) }), !person.isSuspended else {
                return TokenVerdict(reason: nil)
            }
            return TokenVerdict(verified, person)
        } catch {
            // What is wrong with the token is an answer; what is wrong with the house is not.
            guard error.kind.status == 401 else { throw error }
            return TokenVerdict(reason: error.members["details"]?.string ?? error.title)
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
    /// The names of what is to be changed, as clients write them.
    var fields: [String] {
        let given: [(String, Bool)] = [
            ("username", username != nil), ("full_name", fullName != nil), ("first_name", firstName != nil),
            ("last_name", lastName != nil),
            ("phone", phone != nil), ("preferences", preferences != nil),
        ]
        return given.filter(\.1).map(\.0)
    }

    /// - Throws: `validation-failed` for what nobody may be called, and for another address, which is changed in its own way.
    fileprivate func applied(to person: Person, preferences: String?) throws(Problem) -> ChangedProfile {
        let key = CanonicalText.key(of: person.email)
        if let email, CanonicalText.key(of: email.filter { !$0.isWhitespace }) != key {
            throw Problem.invalid(
                "/email",
                "is changed by POST /v1/auth/change-email, which asks for the password and proves the new address")
        }
        return ChangedProfile(
            username: username == nil ? person.username : try Names.username(username, beside: key),
            fullName: fullName == nil ? person.fullName : try Names.line(fullName, "full_name"),
            firstName: firstName == nil ? person.firstName : try Names.line(firstName, "first_name"),
            lastName: lastName == nil ? person.lastName : try Names.line(lastName, "last_name"),
            phone: phone == nil ? person.phone : try Names.line(phone, "phone"),
            preferences: preferences
        )
    }
}

extension Problem.Kind {
    package static let confirmationRequired = Self("confirmation-required", "This has to be confirmed", status: 400)
}
