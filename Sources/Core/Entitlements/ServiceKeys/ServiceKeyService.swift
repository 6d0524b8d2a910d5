import Audit
import Identity
import Mail
import Modules

/// Creates, lists, rotates and revokes service keys. A key outlasts the session that creates it, so that the
/// administrator is authenticated again and notified by mail.
final class ServiceKeyService: Sendable {
    private let database: any Database
    private let meters: MeterCatalog
    private let reader: ServiceKeyReader
    private let confirmation: Confirmation
    private let audit: AuditService
    private let mailer: Mailer
    private let runtime: Runtime

    init(
        database: any Database, meters: MeterCatalog, reader: ServiceKeyReader, confirmation: Confirmation,
        audit: AuditService, mailer: Mailer, runtime: Runtime
    ) {
        self.database = database
        self.meters = meters
        self.reader = reader
        self.confirmation = confirmation
        self.audit = audit
        self.mailer = mailer
        self.runtime = runtime
    }

    /// - Throws: `validation-failed` with all faults; `too-many-api-keys`; what ``Confirmation`` throws.
    func create(_ payload: ServiceKeyRequest, scope: Scope) async throws(Problem) -> IssuedServiceKey {
        try await confirmation.confirm(
            Confirmation.Given(password: payload.password, code: payload.mfaCode), demanding: .passwordOrCode,
            by: scope, for: "service-key.created"
        ) { [self] administrator, transaction in
            let faults = try faults(in: payload, in: transaction)
            guard faults.isEmpty else { throw Problem.invalid(faults) }
            let text = ServiceKeyText(id: runtime.id(), runtime: runtime)
            let key = NewServiceKey(
                text: text, origin: text.id, name: payload.name,
                scopes: payload.scopes.compactMap(ServiceKey.Scope.init), organisations: payload.organisations,
                meters: payload.meters, createdBy: scope.person, expiresAt: payload.expiresAt)
            return try issue(key, "service-key.created", to: administrator, scope, in: transaction)
        }
    }

    func list() async throws(Problem) -> ServiceKeyList {
        try await database.read {
            ServiceKeyList(serviceKeys: try $0.serviceKeys(limit: ServiceKey.listMax).map(ServiceKeyView.init))
        }
    }

    /// Creates the successor of a key, with the same rights and the same lifetime, counted from now. The old key
    /// remains valid for `overlap`.
    /// - Throws: `not-found`; `api-key-ended` for a key that is expired, revoked or rotated; `too-many-api-keys`;
    ///   `reauthentication-required`.
    func rotate(_ id: ID<ServiceKey>, overlap: Duration, scope: Scope) async throws(Problem) -> IssuedServiceKey {
        let issued = try await confirmation.confirm(
            .nothing, demanding: .passwordOrCode, by: scope, for: "service-key.rotated"
        ) { [self] administrator, transaction -> IssuedServiceKey in
            guard let old = try transaction.serviceKey(id) else { throw Problem(.notFound) }
            let text = ServiceKeyText(id: runtime.id(), runtime: runtime)
            guard try transaction.retireServiceKey(id, at: transaction.now + overlap, for: text.id) else {
                throw Problem(.apiKeyEnded)
            }
            let key = NewServiceKey(
                text: text, origin: old.origin, name: old.name, scopes: old.scopes, organisations: old.organisations,
                meters: old.meters, createdBy: scope.person,
                expiresAt: old.expiresAt.map { transaction.now + ($0 - old.createdAt) })
            return try issue(key, "service-key.rotated", replacing: id, to: administrator, scope, in: transaction)
        }
        reader.invalidateCache()
        return issued
    }

    /// - Throws: `not-found` for a key that is unknown or revoked.
    func revoke(_ id: ID<ServiceKey>, scope: Scope) async throws(Problem) {
        try await database.write { [audit] transaction in
            try transaction.requireCaller(scope, as: .admin)
            guard try transaction.revokeServiceKey(id) else { throw Problem(.notFound) }
            try audit.record(AuditEvent("service-key.revoked", by: scope, subject: id.text), in: transaction)
        }
        reader.invalidateCache()
    }

    private func issue(
        _ key: NewServiceKey, _ action: String, replacing old: ID<ServiceKey>? = nil, to administrator: Person,
        _ scope: Scope, in transaction: Transaction
    ) throws -> IssuedServiceKey {
        guard administrator.role == .admin else { throw Problem(.insufficientRole) }
        guard try transaction.insert(key), let inserted = try transaction.serviceKey(key.text.id) else {
            throw Problem(
                .tooManyAPIKeys,
                detail: "Revoke an unused key first: at most \(ServiceKey.countMax) service keys may be active.")
        }
        var details = ["name": key.name, "scopes": key.scopes.map(\.rawValue).joined(separator: " ")]
        if let organisations = key.organisations { details["organisations"] = "\(organisations.count)" }
        if let old { details["replaces"] = old.text }
        try audit.record(AuditEvent(action, by: scope, subject: key.text.id.text, details: details), in: transaction)
        try mailer.notify(
            administrator, of: "The service key \(inserted.prefix) was created", by: scope, in: transaction)
        return IssuedServiceKey(inserted, text: key.text.text)
    }

    private func faults(in payload: ServiceKeyRequest, in transaction: Transaction) throws -> [Problem.Fault] {
        var faults: [Problem.Fault] = []
        let known = ServiceKey.Scope.allCases.map(\.rawValue)
        if payload.scopes.isEmpty { faults.append(Problem.Fault("/scopes", "must name at least one scope")) }
        for (index, scope) in payload.scopes.enumerated() {
            if !known.contains(scope) {
                faults.append(Problem.Fault("/scopes/\(index)", "must be one of \(known.joined(separator: ", "))"))
            } else if payload.scopes[..<index].contains(scope) {
                faults.append(Problem.Fault("/scopes/\(index)", "is named twice"))
            }
        }
        if payload.organisations?.isEmpty == true {
            faults.append(Problem.Fault("/organisations", "must name at least one organisation, or be left out"))
        }
        for (index, organisation) in (payload.organisations ?? []).enumerated()
        where try !transaction.hasOrganisation(organisation) {
            faults.append(Problem.Fault("/organisations/\(index)", "is no known organisation"))
        }
        if payload.meters?.isEmpty == true {
            faults.append(Problem.Fault("/meters", "must name at least one meter, or be left out"))
        }
        for (index, meter) in (payload.meters ?? []).enumerated() where meters[meter] == nil {
            faults.append(Problem.Fault("/meters/\(index)", "is no known meter"))
        }
        let now = transaction.now
        if let expiry = payload.expiresAt, expiry <= now || expiry > now + .days(ServiceKeyRequest.daysMax) {
            faults.append(
                Problem.Fault("/expires_at", "must be within the next \(ServiceKeyRequest.daysMax) days"))
        }
        if payload.name.allSatisfy(\.isWhitespace) || payload.name.contains(where: \.isNewline) {
            faults.append(Problem.Fault("/name", "must be one line of readable text"))
        }
        return faults
    }
}
