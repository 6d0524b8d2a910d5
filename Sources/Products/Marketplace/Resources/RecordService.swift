import Audit
import Identity
import Modules

/// The work of the generic endpoints of free-form records.
final class RecordService: Sendable {
    private let database: any Database
    private let audit: AuditService
    private let runtime: Runtime

    init(database: any Database, audit: AuditService, runtime: Runtime) {
        self.database = database
        self.audit = audit
        self.runtime = runtime
    }

    func list(
        _ kind: RecordKind, scope: Scope, filters: RecordFilters.Proof = [], search: String? = nil,
        sort: RecordSort.Proof = RecordSort.Proof(member: nil, isDescending: true), limit: Int, offset: Int
    ) async throws(Problem) -> RecordList {
        try await database.read { transaction in
            let (records, total) = try transaction.records(
                kind, of: scope.organisation, filters: filters, search: search, sort: sort, limit: limit,
                offset: offset)
            return RecordList(records, total: total, limit: limit, offset: offset)
        }
    }

    /// - Throws: `not-found`, also for a record of another organisation.
    func get(_ kind: RecordKind, _ id: ID<MarketplaceRecord>, scope: Scope) async throws(Problem) -> RecordResult {
        let record = try await database.read { try $0.record(id, kind) }
        guard let record, record.organisation == scope.organisation || scope.role == .admin else {
            throw Problem(.notFound)
        }
        return RecordResult(record)
    }

    /// - Throws: `validation-failed`; `too-many`.
    func create(_ kind: RecordKind, _ body: RecordBody, scope: Scope) async throws(Problem) -> RecordResult {
        try MarketplaceRecord.check(body.members)
        let id: ID<MarketplaceRecord> = runtime.id()
        let created = try await database.write { [self] transaction in
            try transaction.requireMarketplaceCaller(scope)
            try transaction.requireRoomForRecord(kind, of: scope.organisation)
            try transaction.insertRecord(id, kind, body.members, for: scope)
            try writeAudit("crud_create", kind, id, scope, scope.organisation, in: transaction)
            return try transaction.record(id, kind)
        }
        guard let created else { throw Problem(.internalError) }
        return RecordResult(created)
    }

    /// Replaces the members that the body names; null removes one.
    /// - Throws: `not-found`, also for a record of another organisation; `validation-failed`.
    func update(_ kind: RecordKind, _ id: ID<MarketplaceRecord>, _ body: RecordBody, scope: Scope)
        async throws(Problem) -> RecordResult
    {
        try MarketplaceRecord.check(body.members)
        let changed = try await database.write { [self] transaction in
            let before = try Self.locked(kind, id, by: scope, in: transaction)
            let members = before.members.merging(body.members) { $1 }.filter { $0.value != .null }
            try MarketplaceRecord.check(members)
            try transaction.updateRecord(before, to: members)
            try writeAudit("crud_update", kind, id, scope, before.organisation, in: transaction)
            return try transaction.record(id, kind)
        }
        guard let changed else { throw Problem(.internalError) }
        return RecordResult(changed)
    }

    /// - Throws: `not-found`, also for a record of another organisation.
    func delete(_ kind: RecordKind, _ id: ID<MarketplaceRecord>, scope: Scope) async throws(Problem) -> ResourceDeleted
    {
        try await database.write { [self] transaction in
            let before = try Self.locked(kind, id, by: scope, in: transaction)
            try transaction.deleteRecord(before)
            try writeAudit("crud_delete", kind, id, scope, before.organisation, in: transaction)
        }
        return ResourceDeleted(id.text)
    }

    private static func locked(
        _ kind: RecordKind, _ id: ID<MarketplaceRecord>, by scope: Scope, in transaction: Transaction
    ) throws -> MarketplaceRecord {
        let isAdministrator = try transaction.requireMarketplaceCaller(scope)
        guard let record = try transaction.record(id, kind, isLocked: true) else { throw Problem(.notFound) }
        guard isAdministrator || record.organisation == scope.organisation else { throw Problem(.notFound) }
        return record
    }

    private func writeAudit(
        _ action: String, _ kind: RecordKind, _ id: ID<MarketplaceRecord>, _ scope: Scope,
        _ organisation: ID<Organisation>, in transaction: Transaction
    ) throws {
        try audit.record(
            AuditEvent(action, by: scope, in: organisation, subjectKind: kind.rawValue, subject: id.text),
            in: transaction)
    }
}
