import Base
import HTTPTypes

/// The endpoints that describe the others: the OpenAPI document, an HTML page, and a page per problem type.
package struct DocumentRoutes: Sendable {
    /// - Parameters:
    ///   - routes: every other route.
    ///   - groups: in the order in which the documents list them.
    ///   - limited: adds the rate limits of these endpoints.
    package static func routes(
        describing routes: [Route], groups: DocumentGroups = [], version: String,
        limited: (Route) -> Route = { $0 }
    ) -> [Route] {
        let kinds = OnDemand {
            Dictionary(
                grouping: routes.flatMap(\.problems) + HTTPError.allCases.map(\.problem.kind) + [
                    .methodNotAllowed, .notFound,
                ], by: \.code
            )
            .compactMapValues(\.first)
        }
        let page = OnDemand { TaggedText(DocumentPage.html(routes, groups: groups.all)) }
        let style = TaggedText(DocumentPage.style)
        var all: [Route] = [
            .get("/docs", "API documentation", requires: .public, .header(.ifNoneMatch)) { _, known in
                let page = await page.madeElsewhere
                return Revalidated(HTMLPage(page.text), tag: page.tag, ifNoneMatch: known)
            },
            .get("/docs/style.css", "Stylesheet of the HTML pages", requires: .public, .header(.ifNoneMatch)) {
                _, known in
                Revalidated(Stylesheet(style.text), tag: style.tag, ifNoneMatch: known)
            },
            .get(
                "/problems/{code}", "Description of a problem type", requires: .public, .path("code"),
                .header(.ifNoneMatch), problems: [.notFound]
            ) { _, code, known in
                guard let kind = kinds.value[code] else {
                    throw Problem(.notFound, detail: "There is no problem type with this code.")
                }
                let page = HTMLPage(DocumentPage.html(kind, routes: routes.filter { $0.problems.contains(kind) }))
                return Revalidated(page, ifNoneMatch: known)
            },
        ].map(limited)
        let described = routes + all
        let document = OnDemand { TaggedText(OpenAPI(routes: described, groups: groups, version: version).text) }
        all.append(
            limited(
                .get("/openapi.json", "OpenAPI document", requires: .public, .header(.ifNoneMatch)) { _, known in
                    let document = await document.madeElsewhere
                    return Revalidated(OpenAPIDocument(document.text), tag: document.tag, ifNoneMatch: known)
                }
            ))
        return all
    }
}

/// A document with the tag of its bytes, which are hashed once.
private struct TaggedText: Sendable {
    let text: String
    let tag: EntityTag

    init(_ text: String) {
        self.text = text
        tag = EntityTag(of: text.utf8)
    }
}

extension OnDemand {
    /// The value, made off the event loop: deriving every schema takes 100 ms.
    fileprivate var madeElsewhere: Value { get async { await Task.detached { self.value }.value } }
}
