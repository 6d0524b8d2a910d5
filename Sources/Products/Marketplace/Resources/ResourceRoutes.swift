import Identity
import Modules

/// The generic endpoints of one resource. They are also reached without `marketplace/`, under `/api`.
struct ResourceRoutes<R: Resource>: Sendable {
    let resources: ResourceService
    let identity: IdentityModule

    private var member: Member { identity.member.allowing(.marketplace) }
    private var path: String { "marketplace/\(R.name)" }
    private var alias: String { "/api/\(R.name)" }

    /// List, search, read, create, change and delete.
    var all: [Route] { [list] + others }

    /// All but the list, for a resource that is listed in another way.
    var others: [Route] { [create] + reading + [update, delete] }

    var list: Route {
        Route.get(
            path, "List \(R.name.replacing("-", with: " "))", requires: member, ResourceFilters<R>(),
            ResourceSort<R>(), .query("_mine", oneOf: ["true", "false"]), .query("_limit", 1...500, default: 100),
            .query("_offset", 0...1_000_000, default: 0)
        ) { [resources] scope, filters, order, mine, limit, offset in
            try await resources.list(
                R.self, scope: scope, filters: filters, isOwn: mine == "true", orderedBy: order, limit: limit,
                offset: offset)
        }.alias(alias)
    }

    /// Search and read.
    var reading: [Route] {
        [
            Route.get(
                "\(path)/search", "Search \(R.name.replacing("-", with: " ")) by a part of their texts",
                requires: member, .query("q", required: 200), .query("_limit", 1...500, default: 100),
                .query("_offset", 0...1_000_000, default: 0)
            ) { [resources] scope, text, limit, offset in
                try await resources.list(R.self, scope: scope, search: text, limit: limit, offset: offset)
            }.alias("\(alias)/search"),
            Route.get(
                "\(path)/{id}", "Get \(R.article)", requires: member, .path("id", of: R.Subject.self)
            ) { [resources] scope, id in try await resources.get(R.self, id, scope: scope) }.alias("\(alias)/{id}"),
        ]
    }

    private var create: Route {
        let (resources, summary) = (resources, "Create \(R.article)")
        guard !R.creators.isEmpty else {
            return Route.post(path, summary, requires: member, problems: R.declaredProblems) {
                (body: NewResource<R>, scope) in Created(try await resources.create(R.self, body, scope: scope))
            }.alias(alias)
        }
        return Route.post(
            path, summary, requires: identity.role(anyOf: R.creators).allowing(.marketplace),
            problems: R.declaredProblems
        ) { (body: NewResource<R>, scope) in
            Created(try await resources.create(R.self, body, scope: scope))
        }.alias(alias)
    }

    var update: Route {
        Route.put(
            "\(path)/{id}", "Change \(R.article)", requires: member, .path("id", of: R.Subject.self),
            problems: R.declaredProblems + [.notTheOwner]
        ) { [resources] (body: ResourceChanges<R>, scope, id) in
            try await resources.update(R.self, id, body, scope: scope)
        }.alias("\(alias)/{id}")
    }

    var delete: Route {
        Route.delete(
            "\(path)/{id}", "Delete \(R.article)", requires: member, .path("id", of: R.Subject.self),
            problems: R.declaredProblems + [.notTheOwner]
        ) { [resources] scope, id in try await resources.delete(R.self, id, scope: scope) }.alias("\(alias)/{id}")
    }
}
