import Base

/// The doors that describe the others: the OpenAPI document, a page for people, and a page a kind of problem.
package struct DocumentRoutes: Sendable {
    /// - Parameter routes: every other route of the system.
    package static func routes(describing routes: [Route], version: String) -> [Route] {
        let kinds = Dictionary(grouping: routes.flatMap(\.problems) + HTTPFault.allCases.map(\.problem.kind) + [.methodNotAllowed, .notFound], by: \.code)
            .compactMapValues(\.first)
        var all: [Route] = [
            .get("/docs", "The documents as a page", requires: .public) { _ in Page(DocumentPage.html(routes)) },
            .get("/docs/style.css", "The style of the pages", requires: .public) { _ in Stylesheet(DocumentPage.style) },
            .get("/problems/{code}", "What a kind of problem means", requires: .public, .path("code"), problems: [.notFound]) { _, code in
                guard let kind = kinds[code] else { throw Problem(.notFound, detail: "There is no such kind of problem.") }
                return Page(DocumentPage.html(kind, routes: routes.filter { $0.problems.contains(kind) }))
            },
        ]
        let document = OpenAPI(routes: routes + all, version: version).text
        all.append(
            .get("/openapi.json", "The OpenAPI document", requires: .public) { _ in OpenAPIDocument(document) }
        )
        return all
    }
}
