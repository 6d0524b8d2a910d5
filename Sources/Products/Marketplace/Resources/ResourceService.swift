import Audit
import Identity
import Modules

/// The work of the generic endpoints. Clients set the fields that a resource declares for them, and no other; each
/// change is audited.
final class ResourceService: Sendable {
    private let database: any Database
    private let audit: AuditService
    private let runtime: Runtime

    init(database: any Database, audit: AuditService, runtime: Runtime) {
        self.database = database
        self.audit = audit
        self.runtime = runtime
    }

    /// The rows that the caller may read: those of the own organisation and public ones; administrators read all.
    /// - Parameters:
    ///   - search: looked for in the fields that the resource names, without case.
    ///   - isOwn: whether only the own organisation's rows are wanted.
    func list<R: Resource>(
        _: R.Type, scope: Scope, filters: ResourceFilters<R>.Proof = [], search: String? = nil, isOwn: Bool = false,
        orderedBy order: SQL = "created_at DESC, id DESC", limit: Int, offset: Int
    ) async throws(Problem) -> ResourceList<R> {
        var condition = isOwn ? "organisation_id = \(scope.organisation)" : Self.isReadable(R.self, by: scope)
        for (field, value) in filters {
            guard let column = field.column else { continue }
            condition = condition + SQL(trusted: " AND \(column) = ") + "\(value)"
        }
        if let search {
            let pattern = LikePattern(containing: search)
            let columns = R.fields.filter { $0.use.contains(.searched) }.compactMap(\.column)
            let parts = columns.map { SQL(trusted: " OR LOWER(\($0)) LIKE ") + "\(pattern) ESCAPE '\\'" }
            condition = condition + " AND (1 = 0" + parts.reduce("", +) + ")"
        }
        let found = condition
        return try await database.read { transaction in
            let (rows, total) = try transaction.page(
                of: R.self, where: found, orderedBy: order, limit: limit, offset: offset)
            return ResourceList(
                try rows.map { try ResourceView($0, isOwn: Self.isOwn($0, scope)) }, total: total, limit: limit,
                offset: offset)
        }
    }

    /// - Throws: `not-found`, also for a row that the caller may not read.
    func get<R: Resource>(_: R.Type, _ id: ID<R.Subject>, scope: Scope) async throws(Problem) -> ResourceResult<R> {
        let condition = Self.isReadable(R.self, by: scope)
        let row = try await database.read { try $0.row(id, of: R.self, where: condition) }
        guard let row else { throw Problem(.notFound) }
        return try view(row, scope)
    }

    /// - Throws: `validation-failed`; `already-exists`; `too-many`; what the resource's own check throws.
    func create<R: Resource>(_: R.Type, _ body: NewResource<R>, scope: Scope) async throws(Problem)
        -> ResourceResult<R>
    {
        let draft = try Self.draft(R.self, body.members, isNew: true)
        let id: ID<R.Subject> = runtime.id()
        let row = try await database.write { [audit] transaction in
            try transaction.requireMarketplaceCaller(scope)
            try transaction.requireRoom(for: R.self, of: scope.organisation)
            var draft = draft
            try R.check(new: &draft, by: scope, in: transaction)
            guard try transaction.insert(draft, as: id, of: R.self, for: scope) else { throw Problem(.alreadyExists) }
            try audit.record(
                AuditEvent("crud_create", by: scope, subjectKind: R.name, subject: id.text), in: transaction)
            return try transaction.row(id, of: R.self)
        }
        guard let row else { throw Problem(.internalError) }
        return try view(row, scope)
    }

    /// - Throws: `not-found`; `not-the-owner` for a row of another organisation that the caller may read;
    ///   `validation-failed`; what the resource's own check throws.
    func update<R: Resource>(_: R.Type, _ id: ID<R.Subject>, _ body: ResourceChanges<R>, scope: Scope)
        async throws(Problem) -> ResourceResult<R>
    {
        let row = try await database.write { [audit] transaction in
            let row = try Self.locked(R.self, id, by: scope, in: transaction)
            let currency = body.members["currency"] == nil ? try? row.row.currency("currency") : nil
            var draft = try Self.draft(R.self, body.members, isNew: false, currency: currency)
            try R.check(&draft, of: row, by: scope, in: transaction)
            try transaction.update(row, to: draft)
            try audit.record(
                AuditEvent(
                    "crud_update", by: scope, in: row.organisation, subjectKind: R.name, subject: id.text,
                    details: ["fields": draft.columns.keys.sorted().joined(separator: " ")]),
                in: transaction)
            return try transaction.row(id, of: R.self)
        }
        guard let row else { throw Problem(.internalError) }
        return try view(row, scope)
    }

    /// - Throws: `not-found`; `not-the-owner` for a row of another organisation that the caller may read; `in-use`.
    func delete<R: Resource>(_: R.Type, _ id: ID<R.Subject>, scope: Scope) async throws(Problem) -> ResourceDeleted {
        try await database.write { [audit] transaction in
            let row = try Self.locked(R.self, id, by: scope, isFor: R.mayDelete, in: transaction)
            try R.checkDeletion(of: row, by: scope, in: transaction)
            try transaction.delete(row)
            try audit.record(
                AuditEvent("crud_delete", by: scope, in: row.organisation, subjectKind: R.name, subject: id.text),
                in: transaction)
        }
        return ResourceDeleted(id.text)
    }

    // MARK: Rights

    private static func isReadable<R: Resource>(_: R.Type, by scope: Scope) -> SQL {
        guard scope.role != .admin else { return "1 = 1" }
        return "(organisation_id = \(scope.organisation) OR (\(R.isPublic(for: scope))))"
    }

    private static func isOwn<R: Resource>(_ row: ResourceRow<R>, _ scope: Scope) -> Bool {
        row.organisation == scope.organisation || scope.role == .admin
    }

    private static func locked<R: Resource>(
        _: R.Type, _ id: ID<R.Subject>, by scope: Scope,
        isFor others: (ResourceRow<R>, Scope) throws -> Bool = { _, _ in false }, in transaction: Transaction
    ) throws -> ResourceRow<R> {
        let isAdministrator = try transaction.requireMarketplaceCaller(scope)
        guard let row = try transaction.lockedRow(id, of: R.self) else { throw Problem(.notFound) }
        guard try isAdministrator || row.organisation == scope.organisation || others(row, scope) else {
            // A row that the caller cannot read is not found, as when it is read.
            let isReadable = try transaction.row(id, of: R.self, where: Self.isReadable(R.self, by: scope)) != nil
            throw Problem(isReadable ? .notTheOwner : .notFound)
        }
        return row
    }

    private func view<R: Resource>(_ row: ResourceRow<R>, _ scope: Scope) throws(Problem) -> ResourceResult<R> {
        try Problem.rethrowing { ResourceResult(try ResourceView(row, isOwn: Self.isOwn(row, scope))) }
    }

    // MARK: Values

    /// - Parameter currency: of the row's amounts, where the body names none.
    private static func draft<R: Resource>(
        _: R.Type, _ sent: [String: JSONValue], isNew: Bool, currency: Currency? = nil
    ) throws(Problem) -> ResourceDraft {
        let named = sent["currency"]?.string ?? (isNew ? R.field("currency")?.fallback?.string : nil)
        let amounts = named.flatMap { Currency($0) } ?? currency ?? .usual
        var columns: [String: SQL.Value] = [:]
        for field in R.fields {
            guard let column = field.column else { continue }
            if let value = sent[field.name] {
                columns[column] = try field.stored(value, currency: amounts)
            } else if isNew, let fallback = field.fallback {
                columns[column] = try field.stored(fallback, currency: amounts)
            }
        }
        return ResourceDraft(sent: sent, columns: columns)
    }
}

extension Currency {
    /// Of rows that name none.
    static let usual = Currency("usd")!
}
