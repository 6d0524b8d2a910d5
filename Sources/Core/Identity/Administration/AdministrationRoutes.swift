import Audit
import Modules

extension IdentityModule {
    /// The doors of administrators, and everybody's own part of the audit trail.
    var administrationRoutes: [Route] { userRoutes + impersonationRoutes + auditRoutes }

    private var userRoutes: [Route] {
        [
            .get(
                "auth/users", "Accounts, the newest first", requires: role(.admin), .query("search", upTo: 200),
                .query("role", oneOf: Role.allCases.map(\.rawValue)), .query("active", oneOf: ["true", "false"]),
                .query("limit", 1...200, default: 50),
                .query("offset", 0...1_000_000, default: 0)
            ) { _, text, role, active, limit, offset in
                let search = UserSearch(
                    text: text.flatMap { $0.isEmpty ? nil : $0 }, role: role.flatMap { Role(rawValue: $0) },
                    isActive: active.map { $0 == "true" },
                    limit: limit,
                    offset: offset)
                return try await users.list(search)
            },
            .get("auth/users/{id}", "One account", requires: role(.admin), .path("id", of: Person.self)) { _, id in
                try await users.user(id)
            },
            .patch(
                "auth/users/{id}",
                "Change the role of an account, suspend it, force another password, end its sessions",
                requires: role(.admin),
                .path("id", of: Person.self), problems: [.notFound, .ownAccount, .lastAdministrator]
            ) { (change: UserChange, scope, id) in try await users.change(id, change, by: scope) },
            .delete(
                "auth/users/{id}", "Close an account", requires: role(.admin), .path("id", of: Person.self),
                problems: [.notFound, .ownAccount, .lastAdministrator]
            ) { scope, id in
                try await users.close(id, by: scope)
                return NoContent()
            },
        ]
    }

    private var impersonationRoutes: [Route] {
        [
            .post(
                "auth/users/{id}/impersonation", "Act in somebody's name for an hour", requires: role(.admin),
                .path("id", of: Person.self),
                problems: [.notFound, .impersonationNotAllowed]
            ) { (request: ImpersonationRequest, scope, id) in
                Created(try await impersonations.begin(of: id, because: request.reason, by: scope))
            },
            .delete(
                "auth/users/{id}/impersonation", "End what is done in somebody's name", requires: role(.admin),
                .path("id", of: Person.self),
                problems: [.notFound]
            ) { scope, id in try await impersonations.end(of: id, by: scope) },
        ]
    }

    private var auditRoutes: [Route] {
        [
            .get(
                "admin/audit-logs", "The audit trail, the newest first", requires: role(.admin),
                .query("action", upTo: 100),
                .query("status", oneOf: AuditEvent.Outcome.allCases.map(\.rawValue)),
                .query("actor_user_id", upTo: 100),
                .query("target_user_id", upTo: 100), .query("limit", 1...200, default: 50),
                .query("offset", 0...1_000_000, default: 0)
            ) { _, action, status, actor, target, limit, offset in
                let search = AuditSearch(
                    action: action, outcome: status.flatMap { AuditEvent.Outcome(rawValue: $0) }, actor: actor,
                    target: target, limit: limit, offset: offset)
                let (rows, total) = try await auditSearch.search(search)
                return AuditLogs(data: rows.map(AuditLog.init), total: total, limit: limit, offset: offset)
            },
            .get(
                "auth/activity", "What you did, and what was done to your account", requires: member,
                .query("limit", 1...100, default: 50),
                .query("offset", 0...10_000, default: 0)
            ) { scope, limit, offset in
                let (rows, total) = try await auditSearch.activity(of: scope.person.text, limit: limit, offset: offset)
                return Activities(
                    data: rows.map { Activity($0, of: scope.person) }, total: total, limit: limit, offset: offset)
            },
        ]
    }
}

/// One row of the audit trail, as administrators see it.
struct AuditLog: Payload {
    var id: ID<AuditEvent>
    /// Where it stands in the chain, as `gatehouse audit verify` says it.
    var place: String
    var action: String
    var status: String
    var actorUserId: String?
    /// The administrator who acted in the actor's name.
    var impersonatorUserId: String?
    var targetUserId: String?
    var resourceType: String
    var resourceId: String?
    var organisationId: String?
    var ipAddress: String?
    var requestId: String?
    var details: JSONValue
    /// Whether something of it was erased with a person's data.
    var isErased: Bool
    var createdAt: Instant

    init(_ record: AuditRecord) {
        id = record.id
        place = record.position.description
        action = record.event.action
        status = record.event.outcome.rawValue
        actorUserId = record.event.actor
        impersonatorUserId = record.event.impersonator
        targetUserId = record.event.target
        resourceType = record.event.subjectKind
        resourceId = record.event.subject
        organisationId = record.event.organisation
        ipAddress = record.event.address
        requestId = record.event.requestID
        details = .object(record.event.details.mapValues { .string($0) })
        isErased = record.isErased
        createdAt = record.at
    }
}

struct AuditLogs: Payload {
    var data: [AuditLog]
    var total: Int64
    var limit: Int
    var offset: Int
}

/// One row of the audit trail, as the person sees it whom it is about.
struct Activity: Payload {
    enum Author: String, Codable { case you, administrator, stranger, system }

    var id: ID<AuditEvent>
    var action: String
    var status: String
    var by: String
    var resourceType: String
    var resourceId: String?
    /// Where it came from; not told of what an administrator did.
    var ipAddress: String?
    var createdAt: Instant

    init(_ record: AuditRecord, of person: ID<Person>) {
        let event = record.event
        let author: Author =
            if event.impersonator != nil { .administrator } else if let actor = event.actor {
                actor == person.text ? .you : .administrator
            } else {
                event.address == nil ? .system : .stranger
            }
        id = record.id
        action = event.action
        status = event.outcome.rawValue
        by = author.rawValue
        resourceType = event.subjectKind
        resourceId = event.subject
        ipAddress = author == .administrator ? nil : event.address
        createdAt = record.at
    }
}

struct Activities: Payload {
    var data: [Activity]
    var total: Int64
    var limit: Int
    var offset: Int
}
