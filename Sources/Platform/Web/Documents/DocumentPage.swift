import Base
import HTTPTypes

/// The documents as plain HTML: readable without scripts and without anything from elsewhere.
enum DocumentPage {
    static func html(_ routes: [Route]) -> String {
        let reader = SchemaReader()
        let groups = Dictionary(grouping: routes, by: OpenAPI.tag).sorted { $0.key < $1.key }
        let contents = groups.map {
            "<li><a href=\"#\(escaped($0.key))\">\(escaped($0.key))</a> <span>\($0.value.count)</span></li>"
        }.joined()
        let sections = groups.map { tag, routes in
            let doors = routes.sorted { ($0.path, $0.method.rawValue) < ($1.path, $1.method.rawValue) }.map {
                door($0, reader)
            }.joined()
            return "<section id=\"\(escaped(tag))\"><h2>\(escaped(tag))</h2>\(doors)</section>"
        }.joined()
        return page(
            "Gatehouse: every door",
            """
            <p>Each door says who may pass, what it takes and how it answers; the sentences are read off the program itself.
            Every path under <code>/v1</code> is also reached under <code>/api</code>, under <code>/api/v1</code> and without a prefix.
            The same as <a href="/openapi.json">OpenAPI 3.1</a>.</p>
            <nav><ul>\(contents)</ul></nav>\(sections)
            """
        )
    }

    static func html(_ kind: Problem.Kind, routes: [Route]) -> String {
        let doors = routes.map { "<li><code>\($0.method.rawValue) \(escaped($0.path))</code></li>" }.sorted().joined()
        return page(
            "\(kind.status) \(kind.code)",
            "<p>\(escaped(kind.title))</p><p>Answered as <code>application/problem+json</code> with status \(kind.status).</p><h2>Doors that may say it</h2><ul>\(doors)</ul>"
        )
    }

    private static func door(_ route: Route, _ reader: SchemaReader) -> String {
        let who = route.gate.filter { !$0.readsInput }.map {
            "<b class=\"need\">\(escaped($0.tag))</b>"
        }.joined(separator: " ")
        let parameters = route.gate.filter { $0.schema != nil && $0.kind != .body }
            .map {
                "<tr><td><code>\(escaped($0.name))</code></td><td>\($0.kind.name)</td><td>\(escaped(type($0.schema ?? .any)))</td></tr>"
            }.joined()
        let body = route.input.map { fields(reader.schema(of: $0), reader) } ?? ""
        let answers = route.answers.map { answer in
            "<p><b class=\"ok\">\(answer.status)</b> \(escaped(answer.description))</p>"
                + (answer.payload.map { fields(reader.schema(of: $0), reader) } ?? "")
        }.joined()
        let problems = route.problems.sorted { ($0.status, $0.code) < ($1.status, $1.code) }
            .map { "<a class=\"problem\" href=\"/problems/\($0.code)\">\($0.status) \($0.code)</a>" }.joined(
                separator: " ")
        return """
            <details><summary><b class="method">\(route.method.rawValue)</b> <code>\(escaped(route.path))</code> \(escaped(route.summary)) \(who)</summary>
            \(parameters.isEmpty ? "" : "<h3>Parameters</h3><table>\(parameters)</table>")
            \(body.isEmpty ? "" : "<h3>Body</h3>\(body)")
            <h3>Answers</h3>\(answers)<p>\(problems)</p></details>
            """
    }

    private static func fields(_ schema: Schema, _ reader: SchemaReader) -> String {
        guard case .reference(let name) = schema, case .object(let shape) = reader.components[name] else {
            return "<p>\(escaped(type(schema)))</p>"
        }
        guard !shape.properties.isEmpty else { return "" }
        let rows = shape.properties.map {
            "<tr><td><code>\(escaped($0.name))</code></td><td>\(escaped(type($0.schema)))</td><td>\($0.isRequired ? "required" : "")</td></tr>"
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
        <title>\(escaped(title))</title><link rel="stylesheet" href="/docs/style.css"></head><body><main><h1>\(escaped(title))</h1>\(content)</main></body></html>
        """
    }

    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing(
            "\"", with: "&quot;")
    }

    static let style = """
        :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
        main { max-width: 62rem; margin: 0 auto; padding: 1.5rem; }
        h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #8886; } h3 { font-size: .9rem; margin: .8rem 0 .2rem; }
        nav ul { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; list-style: none; padding: 0; } nav span { opacity: .6; font-size: .8rem; }
        details { border-bottom: 1px solid #8883; padding: .35rem 0; } details[open] { padding-bottom: 1rem; } summary { cursor: pointer; }
        code { font: .92em ui-monospace, monospace; } table { border-collapse: collapse; } td { padding: .1rem 1.2rem .1rem 0; vertical-align: top; }
        .method { display: inline-block; min-width: 4.2rem; font-size: .8rem; } .need { font-size: .75rem; font-weight: 500; background: #0072b222; padding: .1rem .45rem; border-radius: .6rem; }
        .problem { font-size: .8rem; margin-right: .6rem; white-space: nowrap; } .ok { color: #009e73; }
        """
}
