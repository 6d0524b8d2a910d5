import Base
import HTTPTypes

/// The HTML pages of the documents. They need no script and load nothing from another origin.
package enum DocumentPage {
    /// The page of `/`.
    package static func home(_ groups: DocumentGroups, version: String) -> String {
        page(
            "Gatehouse",
            """
            <p>\(escaped(groups.summary)) behind one HTTP API. Version \(escaped(version)).</p>
            <ul><li><a href="/docs">API documentation</a>: every endpoint, with its problem types</li>
            <li><a href="/openapi.json">OpenAPI 3.1 document</a></li>
            <li><a href="/health">Health</a>: whether the process answers</li>
            <li><a href="/ready">Readiness</a>: whether the database and the job queue are ready</li></ul>
            """
        )
    }

    static func html(_ routes: [Route], groups: [DocumentGroup]) -> String {
        let reader = SchemaReader()
        let sections = DocumentGroup.sections(routes, among: groups)
        let contents = sections.map { group, routes in
            "<li><a href=\"#\(anchor(group))\">\(escaped(group.title))</a> <span>\(routes.count)</span></li>"
        }
        return page(
            "Gatehouse API",
            """
            <p>Every path under <code>/v1</code> is also served under <code>/api</code>, under <code>/api/v1</code> and
            without a prefix. A refused request is answered with <code>application/problem+json</code> (RFC 9457).
            The same documentation as <a href="/openapi.json">OpenAPI 3.1</a>.</p>
            <nav><ul>\(contents.joined())</ul></nav>\(sections.map { section($0, $1, reader) }.joined())
            """
        )
    }

    static func html(_ kind: Problem.Kind, routes: [Route]) -> String {
        let endpoints = routes.map { "<li><code>\($0.method.rawValue) \(escaped($0.path))</code></li>" }.sorted()
        return page(
            "\(kind.status) \(kind.code)",
            """
            <p>\(escaped(kind.title))</p>
            <p>Answered as <code>application/problem+json</code> with status \(kind.status).</p>
            <h2>Endpoints with this problem</h2><ul>\(endpoints.joined())</ul>
            """
        )
    }

    private static func section(_ group: DocumentGroup, _ routes: [Route], _ reader: SchemaReader) -> String {
        let endpoints = routes.sorted { ($0.path, $0.method.rawValue) < ($1.path, $1.method.rawValue) }
        let description = group.description.isEmpty ? "" : "<p>\(escaped(group.description))</p>"
        return """
            <section id="\(anchor(group))"><h2>\(escaped(group.title))</h2>\(description)
            \(endpoints.map { endpoint($0, reader) }.joined())</section>
            """
    }

    private static func endpoint(_ route: Route, _ reader: SchemaReader) -> String {
        let parameters = route.gate.filter { $0.schema != nil && $0.kind != .body }.map {
            """
            <tr><td><code>\(escaped($0.name))</code></td><td>\($0.kind.name)</td>\
            <td>\(escaped(type($0.schema ?? .any)))</td></tr>
            """
        }
        let body = route.input.map { fields(reader.schema(of: $0), reader) } ?? ""
        let responses = route.answers.map { response in
            "<p><b class=\"ok\">\(response.status)</b> \(escaped(response.description))</p>"
                + (response.payload.map { fields(reader.schema(of: $0), reader) } ?? "")
        }
        let problems = route.problems.sorted { ($0.status, $0.code) < ($1.status, $1.code) }.map {
            "<a class=\"problem\" href=\"/problems/\($0.code)\">\($0.status) \($0.code)</a>"
        }
        return """
            <details><summary><b class="method">\(route.method.rawValue)</b> <code>\(escaped(route.path))</code> \
            \(escaped(route.summary))</summary>
            <p class="requires">\(requirements(of: route))</p>
            \(parameters.isEmpty ? "" : "<h3>Parameters</h3><table>\(parameters.joined())</table>")
            \(body.isEmpty ? "" : "<h3>Body</h3>\(body)")
            <h3>Responses</h3>\(responses.joined())<p>\(problems.joined(separator: " "))</p></details>
            """
    }

    /// One line: the requirements on the caller, and the names of the rate limits.
    private static func requirements(of route: Route) -> String {
        let tags = route.gate.filter { !$0.readsInput && $0.kind != .rate }.map(\.tag)
        let rates = route.gate.filter { $0.kind == .rate }.map(\.name)
        return escaped(
            "Requires: " + tags.joined(separator: ", ")
                + (rates.isEmpty ? "" : " · Rate limits: " + rates.joined(separator: ", ")))
    }

    private static func anchor(_ group: DocumentGroup) -> String {
        String(group.title.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "-" })
    }

    private static func fields(_ schema: Schema, _ reader: SchemaReader) -> String {
        guard case .reference(let name) = schema, case .object(let object) = reader.components[name] else {
            return "<p>\(escaped(type(schema)))</p>"
        }
        guard !object.properties.isEmpty else { return "" }
        let rows = object.properties.map {
            """
            <tr><td><code>\(escaped($0.name))</code></td><td>\(escaped(type($0.schema)))</td>\
            <td>\($0.isRequired ? "required" : "")</td></tr>
            """
        }
        return "<table>\(rows.joined())</table>"
    }

    private static func type(_ schema: Schema) -> String {
        switch schema {
        case .any: "any"
        case .boolean: "boolean"
        case .integer(let minimum, let maximum): "integer" + bounds(minimum.map(String.init), maximum.map(String.init))
        case .number(let minimum, let maximum):
            "number" + bounds(minimum.map { String($0) }, maximum.map { String($0) })
        case .string(let format, let minimum, let maximum):
            (format ?? "string") + bounds(minimum.map(String.init), maximum.map(String.init))
        case .enumeration(let values): values.joined(separator: " | ")
        case .array(let element, _): "array of " + type(element)
        case .map(let value): "object of " + type(value)
        case .object: "object"
        case .reference(let name): name
        case .nullable(let schema): type(schema) + "?"
        }
    }

    private static func bounds(_ minimum: String?, _ maximum: String?) -> String {
        minimum == nil && maximum == nil ? "" : " (\(minimum ?? "")…\(maximum ?? ""))"
    }

    private static func page(_ title: String, _ content: String) -> String {
        """
        <!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
        <title>\(escaped(title))</title><link rel="stylesheet" href="/docs/style.css"></head>
        <body><main><h1>\(escaped(title))</h1>\(content)</main></body></html>
        """
    }

    static func escaped(_ text: String) -> String {
        text.escapedForMarkup.replacing("\"", with: "&quot;")
    }

    static let style = """
        :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
        main { max-width: 62rem; margin: 0 auto; padding: 1.5rem; }
        h1 { font-size: 1.6rem; }
        h2 { margin-top: 2.5rem; border-bottom: 1px solid #8886; }
        h3 { font-size: .9rem; margin: .8rem 0 .2rem; }
        nav ul { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; list-style: none; padding: 0; }
        nav span { opacity: .6; font-size: .8rem; }
        details { border-bottom: 1px solid #8883; padding: .35rem 0; }
        details[open] { padding-bottom: 1rem; }
        summary { cursor: pointer; }
        code { font: .92em ui-monospace, monospace; }
        table { border-collapse: collapse; }
        td { padding: .1rem 1.2rem .1rem 0; vertical-align: top; }
        .method { display: inline-block; min-width: 4.2rem; font-size: .8rem; }
        .requires { font-size: .85rem; opacity: .75; margin: .4rem 0; }
        .problem { font-size: .8rem; margin-right: .6rem; white-space: nowrap; }
        .ok { color: #009e73; }
        """
}
