import Audit
package import Modules

/// The verbs of API keys: make, list, rotate, revoke. Only somebody signed in comes here: no key manages keys.
struct APIKeyService: Sendable {
    let database: any Database
    let audit: AuditService
    let environment: String
    let memory: APIKeyCache
    let runtime: Runtime

    /// A list shows all there can be.
    private static let listMax = APIKey.countMax + APIKey.deadCountMax + 1

    /// Makes a key for the caller in the organisation that they act in.
    /// - Throws: `validation-failed` for scopes or an end that cannot be; `too-many-api-keys`.
    func create(_ request: CreateKey, scope: Scope) async throws(Problem) -> IssuedKey {
        let name = try Self.name(request.name)
        try check(request.scopes, for: scope.role)
        let end = try end(request)
        return try await database.write { transaction in
            try issue(
                name, request.scopes, end: end, isDefault: false, action: "api-key.created", scope, in: transaction)
        }
    }

    func list(_ scope: Scope) async throws(Problem) -> KeyList {
        try await database.read { transaction in
            KeyList(apiKeys: try transaction.keys(of: scope.person, limit: Self.listMax).map(KeyView.init))
        }
    }

    /// Makes the successor of a key, with the same name and scopes; the old key goes on for `overlap`.
    /// - Throws: `not-found`; `api-key-ended` for a key that is over or has a successor; `too-many-api-keys`.
    func rotate(_ id: ID<APIKey>, overlap: Duration, scope: Scope) async throws(Problem) -> IssuedKey {
        let issued = try await database.write { transaction -> IssuedKey in
            guard let old = try transaction.key(id, of: scope.person), old.organisation == scope.organisation else {
                throw Problem(.notFound)
            }
            let successor = KeyText(id: runtime.id(), environment: environment, runtime: runtime)
            guard try transaction.retire(id, of: scope.person, at: transaction.now + overlap, for: successor.id) else {
                throw Problem(.apiKeyEnded)
            }
            // An end that its owner chose stays; the same stretch of life begins anew.
            let end = old.expiresAt.map { transaction.now + ($0 - old.createdAt) }
            return try issue(
                old.name, old.scopes, text: successor, end: end, isDefault: old.isDefault, action: "api-key.rotated",
                replacing: id, scope, in: transaction)
        }
        memory.holders.forgetAll()
        return issued
    }

    /// - Throws: `not-found` for a key that is not the caller's, or revoked already.
    func revoke(_ id: ID<APIKey>, scope: Scope) async throws(Problem) {
        try await database.write { [audit] transaction in
            guard try transaction.revoke(id, of: scope.person, because: "revoked by its owner") else {
                throw Problem(.notFound)
            }
            try audit.record(AuditEvent("api-key.revoked", by: scope, subject: id.text), in: transaction)
        }
        memory.holders.forgetAll()
    }

    /// Revokes the caller's default key, if there is one, and makes a new one that may do all that its owner may do by key.
    /// - Throws: `too-many-api-keys`.
    func reset(_ scope: Scope) async throws(Problem) -> IssuedKey {
        let issued = try await database.write { [audit] transaction -> IssuedKey in
            if let old = try transaction.defaultKey(of: scope.person),
                try transaction.revoke(old.id, of: scope.person, because: "reset")
            {
                try audit.record(
                    AuditEvent("api-key.revoked", by: scope, subject: old.id.text, details: ["reason": "reset"]),
                    in: transaction)
            }
            return try issue(
                "default", [KeyScope.everything.name], end: nil, isDefault: true, action: "api-key.created", scope,
                in: transaction)
        }
        memory.holders.forgetAll()
        return issued
    }

    private func issue(
        _ name: String,
        _ scopes: [String],
        text: KeyText? = nil,
        end: Instant?,
        isDefault: Bool,
        action: String,
        replacing old: ID<APIKey>? = nil,
        _ scope: Scope,
        in transaction: Transaction
    ) throws -> IssuedKey {
        let text = text ?? KeyText(id: runtime.id(), environment: environment, runtime: runtime)
        let key = NewAPIKey(
            text: text, person: scope.person, organisation: scope.organisation, name: name, scopes: scopes,
            isDefault: isDefault, expiresAt: end)
        guard try transaction.insert(key), let written = try transaction.key(text.id, of: scope.person) else {
            throw Problem(
                .tooManyAPIKeys, detail: "Revoke one that is not needed any more: \(APIKey.countMax) may live at once.")
        }
        var details = ["name": name, "scopes": scopes.joined(separator: " ")]
        if let old { details["replaces"] = old.text }
        try audit.record(AuditEvent(action, by: scope, subject: text.id.text, details: details), in: transaction)
        return IssuedKey(written, text: text.text)
    }

    private func check(_ scopes: [String], for role: Role) throws(Problem) {
        let faults = KeyScope.faults(in: scopes, for: role)
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        guard Set(scopes).count == scopes.count else { throw Problem.invalid("/scopes", "names a scope twice") }
    }

    private func end(_ request: CreateKey) throws(Problem) -> Instant? {
        let now = runtime.now()
        guard request.expiresAt == nil || request.expiresInDays == nil else {
            throw Problem.invalid("/expires_at", "cannot stand beside expires_in_days")
        }
        if let days = request.expiresInDays { return now + .days(Int64(days)) }
        guard let end = request.expiresAt else { return nil }
        guard end > now, end <= now + .days(CreateKey.daysMax) else {
            throw Problem.invalid("/expires_at", "must lie within the next \(CreateKey.daysMax) days")
        }
        return end
    }

    private static func name(_ given: String) throws(Problem) -> String {
        guard let name = DisplayName(given) else { throw Problem.invalid("/name", "must be readable text") }
        return name.text
    }
}

extension Problem.Kind {
    package static let tooManyAPIKeys = Self("too-many-api-keys", "There are too many API keys", status: 409)
    package static let apiKeyEnded = Self("api-key-ended", "This API key has ended, or has a successor", status: 409)
}
