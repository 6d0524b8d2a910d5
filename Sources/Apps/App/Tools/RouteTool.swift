import HTTPTypes
import MCP
import Modules
import NIOCore

/// A route as a tool: its arguments are the parameters of its path, query and header fields, and the members of its
/// body. A call runs the route, so that its requirements, its validation and its audit are the same.
struct RouteTool: Sendable {
    let name: String
    /// As a server of the Model Context Protocol describes it.
    let definition: JSONValue
    private let route: Route
    /// By the names of arguments.
    private let places: [String: Place]

    private enum Place: Sendable {
        case path
        case query
        case header(HTTPField.Name)
        case body
    }

    /// - Returns: nil for a route that is no tool.
    init?(_ route: Route) {
        guard let name = route.toolName else { return nil }
        self.name = name
        self.route = route
        var (places, properties, required): ([String: Place], [String: JSONValue], [String]) = ([:], [:], [])
        func add(_ argument: String, _ place: Place, _ schema: JSONValue, isRequired: Bool) {
            precondition(
                places.updateValue(place, forKey: argument) == nil, "the tool \(name) has two arguments '\(argument)'")
            properties[argument] = schema
            if isRequired { required.append(argument) }
        }
        for parameter in route.gate {
            guard let schema = parameter.schema?.json else { continue }
            switch parameter.kind {
            case .path: add(parameter.name, .path, schema, isRequired: true)
            case .query: add(parameter.name, .query, schema, isRequired: parameter.isRequired)
            case .header:
                guard let field = HTTPField.Name(parameter.name) else { continue }
                let argument = parameter.name.lowercased().replacing("-", with: "_")
                add(argument, .header(field), schema, isRequired: parameter.isRequired)
            default: continue
            }
        }
        let reader = SchemaReader()
        if let input = route.input {
            var schema = reader.schema(of: input)
            if case .reference(let component) = schema { schema = reader.components[component] ?? schema }
            guard case .object(let body) = schema else {
                preconditionFailure("the body of the tool \(name) is an object")
            }
            for property in body.properties {
                add(property.name, .body, property.schema.json, isRequired: property.isRequired)
            }
        }
        self.places = places
        var inputSchema: [String: JSONValue] = [
            "type": "object", "properties": .object(properties), "additionalProperties": false,
        ]
        if !required.isEmpty { inputSchema["required"] = .array(required.map { .string($0) }) }
        let definitions = reader.components.mapValues(\.json)
        if !definitions.isEmpty { inputSchema["$defs"] = .object(definitions) }
        let isReading = route.method == .get
        definition = [
            "name": .string(name), "description": .string("\(route.summary)."),
            "inputSchema": Self.withLocalReferences(.object(inputSchema)),
            "annotations": ["readOnlyHint": .bool(isReading), "openWorldHint": false],
        ]
    }

    /// Runs the route for the caller of a request.
    /// - Returns: the result of the tool, in which a refusal is an error.
    /// - Throws: what is not the caller's fault.
    func call(_ arguments: [String: JSONValue], by request: Request) async throws(Problem) -> JSONValue {
        do throws(Problem) {
            let response = try await route.respond(try subrequest(arguments, of: request))
            guard case .buffer(let body) = response.body else { return Self.result("", isError: false) }
            return Self.result(String(buffer: body), isError: false)
        } catch {
            guard error.kind.status < 500 || [.overloaded, .notConfigured].contains(error.kind) else { throw error }
            var members = error.members
            members["code"] = .string(error.kind.code)
            members["status"] = .integer(Int64(error.kind.status))
            members["detail"] = .string(error.detail ?? error.title)
            var bytes: [UInt8] = []
            bytes.append(json: .object(members))
            return Self.result(String(decoding: bytes, as: UTF8.self), isError: true)
        }
    }

    private func subrequest(_ arguments: [String: JSONValue], of request: Request) throws(Problem) -> Request {
        var (parameters, query, headers): ([String: String], [String: String], HTTPFields) = ([:], [:], [:])
        var body: [String: JSONValue] = [:]
        for (name, value) in arguments where value != .null {
            switch places[name] {
            case .path?: parameters[name] = try Self.text(value, of: name)
            case .query?: query[name] = try Self.text(value, of: name)
            case .header(let field)?:
                let text = try Self.text(value, of: name)
                guard text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
                    throw Problem.invalid(Problem.Fault.step(name), "must be visible ASCII")
                }
                headers[field] = text
            case .body?: body[name] = value
            case nil: throw Problem.invalid(Problem.Fault.step(name), "is not an argument of the tool \(self.name)")
            }
        }
        for (name, place) in places {
            if case .path = place, parameters[name]?.isEmpty ?? true {
                throw Problem.invalid(Problem.Fault.step(name), "is required")
            }
        }
        var bytes: [UInt8] = []
        bytes.append(json: .object(body))
        return try request.subrequest(
            of: route, parameters: parameters, query: query, headers: headers, json: route.input == nil ? nil : bytes)
    }

    private static func text(_ value: JSONValue, of name: String) throws(Problem) -> String {
        switch value {
        case .string(let text): return text
        case .integer(let number): return String(number)
        case .bool(let value): return String(value)
        case .number(let number): return "\(number)"
        case .decimal(let text): return text
        case .null, .array, .object: throw Problem.invalid(Problem.Fault.step(name), "must be a text or a number")
        }
    }

    static func result(_ text: String, isError: Bool) -> JSONValue {
        ["content": [["type": "text", "text": .string(text)]], "isError": .bool(isError)]
    }

    /// References to the components of the OpenAPI document, as references to `$defs`.
    private static func withLocalReferences(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let members):
            .object(
                Dictionary(
                    uniqueKeysWithValues: members.map { name, member in
                        guard name == "$ref", let text = member.string else {
                            return (name, withLocalReferences(member))
                        }
                        return (name, .string(text.replacing("#/components/schemas/", with: "#/$defs/")))
                    }))
        case .array(let elements): .array(elements.map(withLocalReferences))
        default: value
        }
    }
}
