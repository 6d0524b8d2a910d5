import Audit
import Modules

/// The audit trail, for administrators, and each person's own part of it.
struct AuditRoutes {
    let audit: AuditSearchService
    let member: Member

    private var administrator: RoleRequirement { RoleRequirement(member: member, roles: [.admin]) }

    var routes: [Route] {
        [
            .get(
                "admin/audit-logs", "Search the audit trail, newest first", requires: administrator,
                .query("action", upTo: 100),
                .query("status", oneOf: AuditEvent.Outcome.allCases.map(\.rawValue)),
                .query("actor_user_id", upTo: 100),
                .query("target_user_id", upTo: 100), .query("limit", 1...200, default: 50),
                .query("offset", 0...1_000_000, default: 0)
            ) { [audit] _, action, status, actor, target, limit, offset in
                let search = AuditSearch(
                    action: action, outcome: status.flatMap { AuditEvent.Outcome(rawValue: $0) }, actor: actor,
                    target: target, limit: limit, offset: offset)
                let (rows, total) = try await audit.search(search)
                return Page(data: rows.map(AuditLog.init), total: total, limit: limit, offset: offset)
            },
            .get(
                "auth/activity", "List the audited events of your account, newest first", requires: member,
                .query("limit", 1...100, default: 50),
                .query("offset", 0...10_000, default: 0)
            ) { [audit] scope, limit, offset in
                let (rows, total) = try await audit.activity(of: scope.person.text, limit: limit, offset: offset)
                return Page(
                    data: rows.map { Activity($0, of: scope.person) }, total: total, limit: limit, offset: offset)
            },
        ]
    }
}
