import Base
import Foundation
import HTTPTypes

/// The OpenAPI 3.1 document of a list of routes.
package struct OpenAPI: Sendable {
    /// The document as JSON with sorted keys, so that two versions compare line by line.
    package let text: String

    package init(routes: [Route], groups: DocumentGroups = [], version: String) {
        let reader = SchemaReader()
        var paths: [String: JSONValue] = [:]
        for route in routes {
            var operations = paths[route.path]?.object ?? [:]
            operations[route.method.rawValue.lowercased()] = Self.operation(route, groups.all, reader)
            paths[route.path] = .object(operations)
        }
        var schemas = reader.components.mapValues(\.json)
        schemas["Problem"] = Self.problemSchema
        let document: JSONValue = [
            "openapi": "3.1.0",
            "info": [
                "title": "Gatehouse",
                "version": .string(version),
                "description": .string(Self.description(groups)),
                "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
            ],
            "tags": .array(
                DocumentGroup.sections(routes, among: groups.all).map { group, _ in
                    ["name": .string(group.title), "description": .string(group.description)]
                }),
            "paths": .object(paths),
            "components": [
                "schemas": .object(schemas),
                "securitySchemes": .object(Self.securitySchemes(of: routes)),
            ],
        ]
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        text = (try? encoder.encode(document)).map { String(decoding: $0, as: UTF8.self) + "\n" } ?? "{}"
    }

    private static func description(_ groups: DocumentGroups) -> String {
        let paths = "Every path is also served under /api, under /api/v1 and without a prefix."
        return [groups.summary.isEmpty ? "" : "\(groups.summary).", paths, groups.details]
            .filter { !$0.isEmpty }.joined(separator: " ")
    }

    private static func operation(_ route: Route, _ groups: [DocumentGroup], _ reader: SchemaReader) -> JSONValue {
        var operation: [String: JSONValue] = [
            "operationId": .string(operationID(route)),
            "summary": .string(route.summary),
            "tags": [.string(DocumentGroup.group(of: route, among: groups).title)],
            "responses": .object(responses(route, reader)),
            "x-gate": .array(route.gate.filter { !$0.readsInput }.map { .string($0.tag) }),
            "security": .array(route.security.map { [$0.scheme.name: []] }),
        ]
        let parameters = route.gate.compactMap(parameter)
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if let body = requestBody(route, reader) { operation["requestBody"] = body }
        return .object(operation)
    }

    private static func securitySchemes(of routes: [Route]) -> [String: JSONValue] {
        let schemes = Set(routes.flatMap(\.security).map(\.scheme))
        return Dictionary(uniqueKeysWithValues: schemes.map { ($0.name, $0.json) })
    }

    private static func parameter(_ summary: RequirementSummary) -> JSONValue? {
        guard let schema = summary.schema, [.path, .query, .header].contains(summary.kind) else { return nil }
        return [
            "name": .string(summary.name),
            "in": .string(summary.kind.name),
            "required": .bool(summary.kind == .path || summary.isRequired),
            "schema": schema.json,
        ]
    }

    private static func requestBody(_ route: Route, _ reader: SchemaReader) -> JSONValue? {
        if let input = route.input {
            let schema = reader.schema(of: input).json
            var content: [String: JSONValue] = ["application/json": ["schema": schema]]
            if input is any FormReadable.Type { content["application/x-www-form-urlencoded"] = ["schema": schema] }
            if let input = input as? any MultiFormatBody.Type {
                content = Dictionary(grouping: input.formats, by: \.mediaType).mapValues { formats -> JSONValue in
                    let schemas = formats.map { $0.schema(reader).json }
                    return ["schema": schemas.count == 1 ? schemas[0] : ["anyOf": .array(schemas)]]
                }
            }
            return ["required": .bool(!(input is any OptionalBody.Type)), "content": .object(content)]
        }
        guard let body = route.gate.first(where: { $0.kind == .body }), let mediaType = body.mediaType else {
            return nil
        }
        return ["required": true, "content": .object([mediaType: ["schema": body.schema?.json ?? ["type": "object"]]])]
    }

    private static func responses(_ route: Route, _ reader: SchemaReader) -> [String: JSONValue] {
        var responses: [String: JSONValue] = [:]
        for (status, answers) in Dictionary(grouping: route.answers, by: \.status) {
            var response: [String: JSONValue] = ["description": .string(answers.first?.description ?? "")]
            let content = Dictionary(grouping: answers) { $0.mediaType ?? "" }.filter { !$0.key.isEmpty }.mapValues {
                answers -> JSONValue in
                let schemas = answers.map { answer -> JSONValue in
                    answer.payload.map { reader.schema(of: $0).json } ?? ["type": "string"]
                }
                // A status may have several responses.
                return ["schema": schemas.count == 1 ? schemas[0] : ["anyOf": .array(schemas)]]
            }
            if !content.isEmpty { response["content"] = .object(content) }
            responses[String(status)] = .object(response)
        }
        for (status, kinds) in Dictionary(grouping: route.problems, by: \.status) {
            responses[String(status)] = [
                "description": .string(kinds.map { "`\($0.code)`: \($0.title)" }.sorted().joined(separator: "  \n")),
                "content": problemContent(route, reader),
            ]
        }
        return responses
    }

    private static func problemContent(_ route: Route, _ reader: SchemaReader) -> JSONValue {
        guard let format = route.problemFormat else {
            return ["application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]]
        }
        return [ProblemFormat.mediaType: ["schema": reader.schema(of: format.payload).json]]
    }

    private static func operationID(_ route: Route) -> String {
        let words = route.path.split { "/-.{}".contains($0) }.filter { $0 != "v1" }.map(String.init)
        return ([route.method.rawValue.lowercased()] + words).joined(separator: "_")
    }

    private static let problemSchema: JSONValue = [
        "type": "object",
        "description": "RFC 9457 problem details; `error` repeats `title`.",
        "required": ["type", "title", "status", "code", "request_id", "error"],
        "properties": [
            "type": ["type": "string"], "title": ["type": "string"], "status": ["type": "integer"],
            "detail": ["type": "string"],
            "code": ["type": "string"], "request_id": ["type": "string"], "error": ["type": "string"],
            "errors": [
                "type": "array",
                "items": [
                    "type": "object", "properties": ["pointer": ["type": "string"], "detail": ["type": "string"]],
                    "required": ["pointer", "detail"],
                ],
            ],
        ],
        "additionalProperties": true,
    ]
}
