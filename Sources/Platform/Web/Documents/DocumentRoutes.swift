import Base

/// The endpoints that describe the others: the OpenAPI document, an HTML page, and a page per problem type.
package struct DocumentRoutes: Sendable {
    /// - Parameters:
    ///   - routes: every other route.
    ///   - groups: in the order in which the documents list them.
    package static func routes(describing routes: [Route], groups: DocumentGroups = [], version: String) -> [Route] {
        let kinds = Dictionary(
            grouping: routes.flatMap(\.problems) + HTTPError.allCases.map(\.problem.kind) + [
                .methodNotAllowed, .notFound,
            ], by: \.code
        )
        .compactMapValues(\.first)
        let page = OnDemand { DocumentPage.html(routes, groups: groups.all) }
        var all: [Route] = [
            .get("/docs", "API documentation", requires: .public) { _ in Page(await page.madeElsewhere) },
            .get("/docs/style.css", "Stylesheet of the HTML pages", requires: .public) { _ in
                Stylesheet(DocumentPage.style)
            },
            .get(
                "/problems/{code}", "Description of a problem type", requires: .public, .path("code"),
                problems: [.notFound]
            ) { _, code in
                guard let kind = kinds[code] else {
                    throw Problem(.notFound, detail: "There is no problem type with this code.")
                }
                return Page(DocumentPage.html(kind, routes: routes.filter { $0.problems.contains(kind) }))
            },
        ]
        let described = routes + all
        let document = OnDemand { OpenAPI(routes: described, groups: groups, version: version).text }
        all.append(
            .get("/openapi.json", "OpenAPI document", requires: .public) { _ in
                OpenAPIDocument(await document.madeElsewhere)
            }
        )
        return all
    }
}

extension OnDemand {
    /// The value, made off the event loop: deriving every schema takes 100 ms.
    fileprivate var madeElsewhere: Value { get async { await Task.detached { self.value }.value } }
}
