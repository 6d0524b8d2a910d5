import Modules

/// The accounts, for administrators.
struct UserRoutes {
    let users: UserService
    let member: Member

    private var administrator: RoleRequirement { RoleRequirement(member: member, roles: [.admin]) }

    var routes: [Route] {
        [
            .get(
                "auth/users", "List accounts, newest first", requires: administrator, .query("search", upTo: 200),
                .query("role", oneOf: Role.allCases.map(\.rawValue)), .query("active", oneOf: ["true", "false"]),
                .query("limit", 1...200, default: 50),
                .query("offset", 0...1_000_000, default: 0)
            ) { [users] _, text, role, active, limit, offset in
                let search = UserSearch(
                    text: text.flatMap { $0.isEmpty ? nil : $0 }, role: role.flatMap { Role(rawValue: $0) },
                    isActive: active.map { $0 == "true" },
                    limit: limit,
                    offset: offset)
                return try await users.list(search)
            },
            .get("auth/users/{id}", "Get an account", requires: administrator, .path("id", of: Person.self)) {
                [users] _, id in
                try await users.user(id)
            },
            .patch(
                "auth/users/{id}",
                "Change the role of an account, suspend or restore it, force a password reset, end its sessions",
                requires: administrator,
                .path("id", of: Person.self),
                problems: [.notFound, .ownAccount, .lastAdministrator] + Confirmation.problems
            ) { [users] (change: UserChange, scope, id) in try await users.change(id, change, by: scope) },
            .delete(
                "auth/users/{id}", "Close an account", requires: administrator, .path("id", of: Person.self),
                problems: [.notFound, .ownAccount, .lastAdministrator, .soleOwner]
            ) { [users] scope, id in
                try await users.close(id, by: scope)
                return NoContent()
            },
        ]
    }
}
