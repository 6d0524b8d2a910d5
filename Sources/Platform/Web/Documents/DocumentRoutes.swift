import Base

/// The doors that describe the others: the OpenAPI document, a page for people, and a page a kind of problem.
package struct DocumentRoutes: Sendable {
    /// - Parameter routes: every other route of the system.
    package static func routes(describing routes: [Route], version: String) -> [Route] {
        let kinds = Dictionary(
            grouping: routes.flatMap(\.problems) + HTTPError.allCases.map(\.problem.kind) + [
                .methodNotAllowed, .notFound,
            ], by: \.code
        )
        .compactMapValues(\.first)
        let page = OnDemand { DocumentPage.html(routes) }
        var all: [Route] = [
            .get("/docs", "The documents as a page", requires: .public) { _ in Page(await page.madeElsewhere) },
            .get("/docs/style.css", "The style of the pages", requires: .public) { _ in Stylesheet(DocumentPage.style)
            },
            .get(
                "/problems/{code}", "What a kind of problem means", requires: .public, .path("code"),
                problems: [.notFound]
            ) { _, code in
                guard let kind = kinds[code] else {
                    throw Problem(.notFound, detail: "There is no such kind of problem.")
                }
                return Page(DocumentPage.html(kind, routes: routes.filter { $0.problems.contains(kind) }))
            },
        ]
        let described = routes + all
        let document = OnDemand { OpenAPI(routes: described, version: version).text }
        all.append(
            .get("/openapi.json", "The OpenAPI document", requires: .public) { _ in
                OpenAPIDocument(await document.madeElsewhere)
            }
        )
        return all
    }
}

extension OnDemand {
    /// The value, made off the event loop: reading every schema takes a tenth of a second.
    fileprivate var madeElsewhere: Value { get async { await Task.detached { self.value }.value } }
}
