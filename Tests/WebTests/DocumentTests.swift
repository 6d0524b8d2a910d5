import App
import Base
import HTTPTypes
import Modules
import TestKit
import Testing
import Web

@Suite struct DocumentTests {
    /// Everything that a page loads or links to: `src`, `href`, `action`, `srcset`, and `url()` and `@import` of
    /// styles.
    private static func references(in html: String) -> [String] {
        html.matches(of: /(?:src|href|action|srcset)\s*=\s*["']?([^"'\s>]*)/).map { String($0.1) }
            + html.matches(of: /(?:url\(|@import)\s*([^)]*)/).map { String($0.1) }
    }

    @Test func `the page shows every endpoint and loads nothing from another origin`() async throws {
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

    @Test func `every problem type has a page`() async throws {
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

    @Test func `text is escaped`() async throws {
        let fixture = WebFixture(
            DocumentRoutes.routes(
                describing: [
                    .get("x", "Less < more & \"quoted\" <script>alert(1)</script>", requires: .public) { _ in
                        NoContent()
                    }
                ], version: "1"))
        let page = await fixture.call("GET", "/docs")
        #expect(!page.text.contains("<script>"))
        #expect(page.text.contains("&lt;script&gt;"))
    }

    @Test func `the OpenAPI document has every endpoint once, and every reference resolves`() async throws {
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

    @Test func `groups have a title and a sentence, accounts come first and operations last`() async throws {
        try await withTestApp(.sqlite) { app in
            let page = await app.call("GET", "/docs")
            let titles = page.text.matches(of: /<h2>([^<]*)<\/h2>/).map { String($0.1) }
            #expect(titles == documentGroups.all.map(\.title))
            #expect(titles.first == "Accounts and sign-in" && titles.last == "Operations")
            for group in documentGroups.all {
                #expect(page.text.contains("<p>\(group.description)</p>"), "\(group.title)")
            }
            let document = try JSONValue(parsing: await app.call("GET", "/openapi.json").bytes)
            #expect(document["tags"]?.array?.compactMap { $0["name"]?.string } == titles)
        }
    }

    @Test func `the rate limits of an endpoint are one line of its details`() async {
        let route = Route.get("x", "X", requires: .public) { _ in NoContent() }
            .guarded(by: NamedLimit(name: "visitors")).guarded(by: NamedLimit(name: "exports"))
        let page = await WebFixture(DocumentRoutes.routes(describing: [route], version: "1")).call("GET", "/docs")
        #expect(page.text.contains(#"<p class="requires">Requires: public · Rate limits: visitors, exports</p>"#))
        #expect(!page.text.contains("rate:visitors"))
    }

    private struct NamedLimit: Middleware {
        let name: String
        var phase: RequestPhase { .network }
        var problems: [Problem.Kind] { [] }
        var summary: RequirementSummary { RequirementSummary(.rate, name) }
        func check(_ request: Request) {}
    }

    @Test func `metrics are documented with a bearer token of their own`() async throws {
        try await withTestApp(.sqlite) { app in
            let document = try JSONValue(parsing: await app.call("GET", "/openapi.json").bytes)
            #expect(document["paths"]?["/metrics"]?["get"]?["security"] == [["metricsToken": []]])
            #expect(document["paths"]?["/metrics"]?["get"]?["x-gate"] == ["metrics-token"])
            let schemes = document["components"]?["securitySchemes"]
            #expect(schemes?["metricsToken"]?["scheme"] == "bearer" && schemes?["bearer"]?["scheme"] == "bearer")
            #expect(schemes?["apiKey"]?["name"] == "X-API-Key")
        }
    }

    @Test(arguments: [
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html", "text/*",
        "application/json;q=0.5, text/html;q=0.9", "TEXT/HTML;Q=1.0", "*/*;q=0.1, text/html",
        "text/html;level=1;q=0.4, */*;q=0.3", "text/html, application/json;q=0",
    ])
    func `the root is a page for a client that prefers HTML`(_ accept: String) async throws {
        try await withTestApp(.sqlite) { app in
            let page = await app.call("GET", "/", headers: ["Accept": accept])
            #expect(page.status == 200)
            #expect(page.headers["content-type"] == "text/html; charset=utf-8")
            #expect(page.headers["vary"]?.split(separator: ", ").contains("Accept") == true)
            #expect(page.headers["content-security-policy"]?.contains("default-src 'none'") == true)
            #expect(page.headers["x-content-type-options"] == "nosniff")
            #expect(page.headers["referrer-policy"] == "no-referrer")
            let references = Self.references(in: page.text)
            for path in ["/docs", "/openapi.json", "/health", "/ready"] {
                #expect(references.contains(path), "\(path)")
            }
            for path in references { #expect(await app.call("GET", path).status == 200, "\(path)") }
        }
    }

    @Test(arguments: [
        nil, "*/*", "application/json", "", "application/*", "text/html;q=0", "text/html;q=0.5, application/json",
        "text/html, application/json", "application/json, text/html", "text/html;q=nonsense", "text/html;q=1.5",
        "nonsense", "image/png", "text/plain, */*",
    ])
    func `the root is JSON for any other client`(_ accept: String?) async throws {
        try await withTestApp(.sqlite) { app in
            let response = await app.call("GET", "/", headers: accept.map { ["Accept": $0] } ?? [:])
            #expect(response.status == 200)
            #expect(response.headers["content-type"] == "application/json; charset=utf-8")
            #expect(response.headers["vary"]?.split(separator: ", ").contains("Accept") == true)
            #expect(response["status"] == "online")
        }
    }
}
