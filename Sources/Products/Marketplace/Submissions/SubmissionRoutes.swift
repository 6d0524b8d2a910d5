import Identity
import Modules

/// The public forms, and their lists for administrators. The wiring limits them by network.
struct SubmissionRoutes: Sendable {
    let submissions: SubmissionService
    let administrator: RoleRequirement

    var routes: [Route] { SubmissionKind.allCases.flatMap(routes) }

    private func routes(of kind: SubmissionKind) -> [Route] {
        let (path, alias) = ("marketplace/\(kind.rawValue)", "/api/\(kind.rawValue)")
        let submissions = submissions
        return [
            Route.post(
                path, "Send one of the \(kind.words), without an account", requires: .public,
                problems: [.submissionsFull]
            ) { (body: NewSubmission, client) in
                Created(try await submissions.submit(kind, body, from: client))
            }.alias(alias),
            Route.get(
                path, "List \(kind.words), the newest first", requires: administrator,
                .query("_limit", 1...500, default: 100), .query("_offset", 0...1_000_000, default: 0)
            ) { _, limit, offset in
                try await submissions.list(kind, limit: limit, offset: offset)
            }.alias(alias),
            Route.delete(
                "\(path)/{id}", "Delete one of the \(kind.words)", requires: administrator,
                .path("id", of: Submission.self), problems: [.notFound]
            ) { scope, id in try await submissions.delete(kind, id, scope: scope) }.alias("\(alias)/{id}"),
        ]
    }
}
