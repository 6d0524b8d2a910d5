import Identity
import Modules

/// The generic endpoints of free-form records. They are also reached without `marketplace/`, under `/api`.
struct RecordRoutes: Sendable {
    let records: RecordService
    let identity: IdentityModule

    private var member: Member { identity.member.allowing(.marketplace) }

    var routes: [Route] { RecordKind.allCases.flatMap(routes) }

    private func routes(of kind: RecordKind) -> [Route] {
        let (path, alias) = ("marketplace/\(kind.rawValue)", "/api/\(kind.rawValue)")
        let records = records
        return [
            Route.post(
                path, "Create one of your \(kind.words)", requires: member, problems: [.tooMany]
            ) { (body: RecordBody, scope) in Created(try await records.create(kind, body, scope: scope)) }.alias(alias),
            Route.get(
                path, "List your \(kind.words)", requires: member, RecordFilters(), RecordSort(),
                .query("_limit", 1...500, default: 100), .query("_offset", 0...1_000_000, default: 0)
            ) { scope, filters, sort, limit, offset in
                try await records.list(
                    kind, scope: scope, filters: filters, sort: sort, limit: limit, offset: offset)
            }.alias(alias),
            Route.get(
                "\(path)/search", "Search your \(kind.words) by a part of their texts", requires: member,
                .query("q", required: 200), .query("_limit", 1...500, default: 100),
                .query("_offset", 0...1_000_000, default: 0)
            ) { scope, text, limit, offset in
                try await records.list(kind, scope: scope, search: text, limit: limit, offset: offset)
            }.alias("\(alias)/search"),
            Route.get(
                "\(path)/{id}", "Get one of your \(kind.words)", requires: member,
                .path("id", of: MarketplaceRecord.self)
            ) { scope, id in try await records.get(kind, id, scope: scope) }.alias("\(alias)/{id}"),
            Route.put(
                "\(path)/{id}", "Change one of your \(kind.words)", requires: member,
                .path("id", of: MarketplaceRecord.self)
            ) { (body: RecordBody, scope, id) in
                try await records.update(kind, id, body, scope: scope)
            }.alias("\(alias)/{id}"),
            Route.delete(
                "\(path)/{id}", "Delete one of your \(kind.words)", requires: member,
                .path("id", of: MarketplaceRecord.self)
            ) { scope, id in try await records.delete(kind, id, scope: scope) }.alias("\(alias)/{id}"),
        ]
    }
}
