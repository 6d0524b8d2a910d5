import Audit
import Mail
package import Modules

/// Creates, lists, rotates and revokes API keys. Its routes require a session: an API key cannot manage keys. A key
/// outlasts the session that creates it, so that its owner is authenticated again and notified by mail.
final class APIKeyService: Sendable {
    private let database: any Database
    private let confirmation: Confirmation
    private let audit: AuditService
    private let mailer: Mailer
    private let environment: String
    private let cache: APIKeyCache
    private let runtime: Runtime

    /// The maximum number of keys that one person can have.
    private static let listMax = APIKey.countMax + APIKey.deadCountMax + 1

    /// - Parameter environment: one word in lower case that is part of every key.
    init(
        database: any Database, confirmation: Confirmation, audit: AuditService, mailer: Mailer, environment: String,
        cache: APIKeyCache, runtime: Runtime
    ) {
        self.database = database
        self.confirmation = confirmation
        self.audit = audit
        self.mailer = mailer
        self.environment = environment
        self.cache = cache
        self.runtime = runtime
    }

    /// Creates a key of the caller in the scope's organisation.
    /// - Throws: `validation-failed` for the name, the scopes or the expiry; `too-many-api-keys`; what
    ///   ``Confirmation`` throws.
    func create(_ payload: APIKeyRequest, scope: Scope) async throws(Problem) -> IssuedAPIKey {
        let name = try Self.name(payload.name)
        try check(payload.scopes, for: scope.role)
        let expiry = try expiry(payload)
        return try await confirmation.confirm(
            Confirmation.Given(password: payload.password, code: payload.mfaCode), demanding: .passwordOrCode,
            by: scope, for: "api-key.created"
        ) { [self] owner, transaction in
            try issue(
                name, payload.scopes, expiresAt: expiry, isDefault: false, action: "api-key.created", to: owner, scope,
                in: transaction)
        }
    }

    func list(_ scope: Scope) async throws(Problem) -> APIKeyList {
        try await database.read { transaction in
            APIKeyList(apiKeys: try transaction.keys(of: scope.person, limit: Self.listMax).map(APIKeyView.init))
        }
    }

    /// The keys' part of the usage in a profile: the prefix of the default key.
    func usage(of person: ID<Person>, in transaction: Transaction) throws -> ProfileUsage {
        var usage = ProfileUsage()
        usage.keyPrefix = try transaction.defaultKey(of: person)?.prefix
        return usage
    }

    /// Creates the successor of a key, with the same name and scopes. The old key remains valid for `overlap`.
    /// - Throws: `not-found`; `api-key-ended` for a key that is expired, revoked or rotated; `too-many-api-keys`;
    ///   `reauthentication-required`.
    func rotate(_ id: ID<APIKey>, overlap: Duration, scope: Scope) async throws(Problem) -> IssuedAPIKey {
        let issued = try await confirmation.confirm(
            .nothing, demanding: .passwordOrCode, by: scope, for: "api-key.rotated"
        ) { [self] owner, transaction -> IssuedAPIKey in
            guard let old = try transaction.key(id, of: scope.person), old.organisation == scope.organisation else {
                throw Problem(.notFound)
            }
            let successor = KeyText(id: runtime.id(), environment: environment, runtime: runtime)
            guard try transaction.retire(id, of: scope.person, at: transaction.now + overlap, for: successor.id) else {
                throw Problem(.apiKeyEnded)
            }
            // The successor gets the same lifetime, counted from now.
            let expiry = old.expiresAt.map { transaction.now + ($0 - old.createdAt) }
            return try issue(
                old.name, old.scopes, text: successor, expiresAt: expiry, isDefault: old.isDefault,
                action: "api-key.rotated",
                replacing: id, to: owner, scope, in: transaction)
        }
        invalidateCache()
        return issued
    }

    /// - Throws: `not-found` for a key of another person, and for a revoked one.
    func revoke(_ id: ID<APIKey>, scope: Scope) async throws(Problem) {
        try await database.write { [audit] transaction in
            guard try transaction.revoke(id, of: scope.person, because: "revoked by its owner") else {
                throw Problem(.notFound)
            }
            try audit.record(AuditEvent("api-key.revoked", by: scope, subject: id.text), in: transaction)
        }
        invalidateCache()
    }

    /// Revokes the caller's default key, if there is one, and creates a new one with the scope `*`.
    /// - Throws: `too-many-api-keys`, `reauthentication-required`.
    func reset(_ scope: Scope) async throws(Problem) -> IssuedAPIKey {
        let issued = try await confirmation.confirm(
            .nothing, demanding: .passwordOrCode, by: scope, for: "api-key.created"
        ) { [self] owner, transaction -> IssuedAPIKey in
            if let old = try transaction.defaultKey(of: scope.person),
                try transaction.revoke(old.id, of: scope.person, because: "reset")
            {
                try audit.record(
                    AuditEvent("api-key.revoked", by: scope, subject: old.id.text, details: ["reason": "reset"]),
                    in: transaction)
            }
            return try issue(
                "default", [KeyScope.everything.name], expiresAt: nil, isDefault: true, action: "api-key.created",
                to: owner, scope, in: transaction)
        }
        invalidateCache()
        return issued
    }

    /// Revokes every API key of a person. The caller empties the cache after the commit.
    /// - Returns: the number of revoked keys.
    func revokeAll(of person: ID<Person>, because reason: String, by scope: Scope, in transaction: Transaction) throws
        -> Int
    {
        try revokeAll(
            of: person, because: reason,
            event: { AuditEvent("api-key.revoked", by: scope, subject: $0, target: person, details: $1) },
            in: transaction)
    }

    /// - Parameter event: the audit event of a key's id and details.
    func revokeAll(
        of person: ID<Person>, because reason: String, event: (String, [String: String]) -> AuditEvent,
        in transaction: Transaction
    ) throws -> Int {
        let revoked = try transaction.revokeKeys(of: person, in: nil, because: reason)
        for id in revoked { try audit.record(event(id.text, ["reason": reason]), in: transaction) }
        return revoked.count
    }

    /// Empties this node's cache of valid keys after a change that ends keys, such as a suspension.
    func invalidateCache() { cache.owners.invalidateAll() }

    private func issue(
        _ name: String,
        _ scopes: [String],
        text: KeyText? = nil,
        expiresAt: Instant?,
        isDefault: Bool,
        action: String,
        replacing old: ID<APIKey>? = nil,
        to owner: Person,
        _ scope: Scope,
        in transaction: Transaction
    ) throws -> IssuedAPIKey {
        // The lock excludes the end of the membership, which revokes its keys.
        guard try transaction.lock(scope.organisation),
            try transaction.membership(of: scope.person, in: scope.organisation) != nil
        else { throw Problem(.notAMember) }
        let text = text ?? KeyText(id: runtime.id(), environment: environment, runtime: runtime)
        let key = NewAPIKey(
            text: text, person: scope.person, organisation: scope.organisation, name: name, scopes: scopes,
            isDefault: isDefault, expiresAt: expiresAt)
        guard try transaction.insert(key), let inserted = try transaction.key(text.id, of: scope.person) else {
            throw Problem(
                .tooManyAPIKeys, detail: "Revoke an unused key first: at most \(APIKey.countMax) keys may be active.")
        }
        var details = ["name": name, "scopes": scopes.joined(separator: " ")]
        if let old { details["replaces"] = old.text }
        try audit.record(AuditEvent(action, by: scope, subject: text.id.text, details: details), in: transaction)
        let values = [
            "name": owner.callingName, "key": name, "when": transaction.now.description, "address": scope.address,
        ]
        try mailer.send(Email("api-key-created", to: owner.email, values: values), in: transaction)
        return IssuedAPIKey(inserted, text: text.text)
    }

    private func check(_ scopes: [String], for role: Role) throws(Problem) {
        let faults = cache.scopes.faults(in: scopes, for: role)
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        guard Set(scopes).count == scopes.count else { throw Problem.invalid("/scopes", "names a scope twice") }
    }

    private func expiry(_ payload: APIKeyRequest) throws(Problem) -> Instant? {
        let now = runtime.now()
        guard payload.expiresAt == nil || payload.expiresInDays == nil else {
            throw Problem.invalid("/expires_at", "cannot be combined with expires_in_days")
        }
        if let days = payload.expiresInDays { return now + .days(Int64(days)) }
        guard let expiry = payload.expiresAt else { return nil }
        guard expiry > now, expiry <= now + .days(APIKeyRequest.daysMax) else {
            throw Problem.invalid("/expires_at", "must be within the next \(APIKeyRequest.daysMax) days")
        }
        return expiry
    }

    private static func name(_ given: String) throws(Problem) -> String {
        guard let name = DisplayName(given) else { throw Problem.invalid("/name", "must be readable text") }
        return name.text
    }
}

extension Problem.Kind {
    package static let tooManyAPIKeys = Self("too-many-api-keys", "The limit of API keys is reached", status: 409)
    package static let apiKeyEnded = Self(
        "api-key-ended", "This API key is expired, revoked or rotated already", status: 409)
}
