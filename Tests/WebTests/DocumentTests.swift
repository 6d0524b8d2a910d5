import App
import Base
import HTTPTypes
import Modules
import TestKit
import Testing
import Web

@Suite struct DocumentTests {
    /// Whatever a page would fetch: every `src` and `href`, and what a style may pull in.
    private static func references(in html: String) -> [String] {
        html.matches(of: /(?:src|href|action|srcset)\s*=\s*["']?([^"'\s>]*)/).map { String($0.1) }
            + html.matches(of: /(?:url\(|@import)\s*([^)]*)/).map { String($0.1) }
    }

    @Test func `the page shows every door and loads nothing from elsewhere`() async throws {
        try await withTestApp(.sqlite) { app in
            let page = await app.call("GET", "/docs")
            #expect(page.status == 200)
            #expect(page.headers["content-type"] == "text/html; charset=utf-8")
            let policy = try #require(page.headers["content-security-policy"])
            #expect(policy.contains("default-src 'none'"))
            #expect(policy.contains("frame-ancestors 'none'"))
            #expect(!policy.contains("unsafe"))
            #expect(page.headers["x-content-type-options"] == "nosniff")
            #expect(!page.text.contains("<script"))
            #expect(!page.text.contains(" style="))
            #expect(page.text.firstMatch(of: /\son[a-z]+\s*=/) == nil)
            for route in app.app.routes where route.path.hasPrefix("/v1/") {
                #expect(page.text.contains("<code>\(route.path)</code>"), "\(route.path)")
            }
            let references = Self.references(in: page.text)
            #expect(references.count > app.app.routes.count)
            for reference in Set(references) {
                #expect(
                    reference.hasPrefix("/") && !reference.hasPrefix("//") || reference.hasPrefix("#"), "\(reference)")
                if reference.hasPrefix("/") { #expect(await app.call("GET", reference).status == 200, "\(reference)") }
            }
            let style = await app.call("GET", "/docs/style.css")
            #expect(style.headers["content-type"] == "text/css; charset=utf-8")
            #expect(Self.references(in: style.text).isEmpty)
        }
    }

    @Test func `every kind of problem has its page`() async throws {
        try await withTestApp(.sqlite) { app in
            var kinds = Set(app.app.routes.flatMap(\.problems))
            kinds.formUnion([.methodNotAllowed, .headersTooLarge, .uriTooLong, .requestTimeout, .notFound])
            #expect(kinds.count > 25)
            #expect(Set(kinds.map(\.code)).count == kinds.count)
            for kind in kinds {
                let page = await app.call("GET", "/problems/\(kind.code)")
                #expect(page.status == 200, "\(kind.code)")
                #expect(page.headers["content-type"] == "text/html; charset=utf-8")
                #expect(page.text.contains("\(kind.status) \(kind.code)"))
                for reference in Self.references(in: page.text) { #expect(reference == "/docs/style.css") }
            }
            for path in [
                "/problems/nothing", "/problems/", "/problems/..%2F..%2Fetc%2Fpasswd", "/problems/%3Cscript%3E",
            ] {
                let response = await app.call("GET", path)
                #expect(response.status == 404, "\(path)")
                #expect(!response.text.contains("script"))
            }
        }
    }

    @Test func `text of ours is shown as text`() async throws {
        let house = WebFixture(
            DocumentRoutes.routes(
                describing: [
                    .get("x", "Less < more & \"quoted\" <script>alert(1)</script>", requires: .public) { _ in
                        NoContent()
                    }
                ], version: "1"))
        let page = await house.call("GET", "/docs")
        #expect(!page.text.contains("<script>"))
        #expect(page.text.contains("&lt;script&gt;"))
    }

    @Test func `the OpenAPI document names every door once, and all it refers to is there`() async throws {
        try await withTestApp(.sqlite) { app in
            let response = await app.call("GET", "/openapi.json")
            #expect(response.status == 200)
            #expect(response.headers["content-type"] == "application/json; charset=utf-8")
            let document = try JSONValue(parsing: response.bytes)
            #expect(document["openapi"] == "3.1.0")
            let paths = try #require(document["paths"]?.object)
            let operations = paths.values.flatMap { $0.object.map { Array($0.values) } ?? [] }
            #expect(operations.count == app.app.routes.count - 1)
            #expect(Set(operations.compactMap { $0["operationId"]?.string }).count == operations.count)
            let components = Set(document["components"]?["schemas"]?.object?.keys.map { $0 } ?? [])
            for name in response.text.matches(of: /"#\/components\/schemas\/([^"]*)"/).map({ String($0.1) }) {
                #expect(components.contains(name), "\(name)")
            }
            for route in app.app.routes where route.path != "/openapi.json" {
                let operation = try #require(paths[route.path]?[route.method.rawValue.lowercased()], "\(route.path)")
                #expect((operation["security"]?.array?.isEmpty == true) == route.isPublic, "\(route.path)")
                let named = Set(
                    operation["parameters"]?.array?.filter { $0["in"] == "path" }.compactMap { $0["name"]?.string }
                        ?? [])
                #expect(named == Set(route.path.matches(of: /\{([^}]*)\}/).map { String($0.1) }), "\(route.path)")
            }
        }
    }
}
