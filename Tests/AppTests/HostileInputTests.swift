import App
import Base
import Foundation
import HTTPTypes
import Identity
import Modules
import TestKit
import Testing

/// Every field of every body, path and query with hostile values; the other fields have valid values made from the
/// schema.
@Suite struct HostileInputTests {
    private static let hostile: [JSONValue] = [
        .null, true, 0, -1, .integer(.max), .integer(.min), .number(1e308), .number(-1e-308), .number(0.5), "", "\0",
        "a\0b", "\u{202E}\u{200B}",
        "'; DROP TABLE people; --", "../../etc/passwd",
        .string(String(repeating: "🂡", count: 20_000)), "\r\nSet-Cookie: a=b", [], [:], [.null], [[[[[[]]]]]],
        .array(Array(repeating: 1, count: 2_000)),
        ["__proto__": [:]],
    ]

    /// The routes are tested in as many parts, side by side.
    private static let parts = 4

    @Test(arguments: Engine.available, 0..<parts)
    func `a hostile value in any field of any body is refused without a 5xx`(_ engine: Engine, part: Int) async throws {
        try await withTestApp(engine) { app in
            let person = try await app.subscriber("enterprise")
            let administrator = try await app.administrator()
            var calls = 0
            // A training session that no call has changed yet.
            var session: String?
            for (index, route) in app.app.routes.enumerated() where index % Self.parts == part {
                guard let input = route.input else { continue }
                let reader = SchemaReader()
                let schema = reader.schema(of: input)
                let samples = SampleMaker(components: reader.components)
                guard case .object(let shape)? = samples.resolved(schema) else { continue }
                for property in shape.properties {
                    for value in Self.hostile {
                        var body = samples.sample(of: .object(shape)).object ?? [:]
                        body[property.name] = value
                        if body["email"] != nil, property.name != "email" {
                            body["email"] = .string("\(Hex.encode(Runtime.system.randomBytes(6)))@example.org")
                        }
                        // The number of sessions of an account is bounded: only endpoints of a session get one.
                        if route.path.contains("{session}"), session == nil {
                            let name = "session_\(calls)"
                            let created = await app.call(
                                "POST", "/v1/training/init-session", json: ["sessionId": .string(name)],
                                token: person.token)
                            #expect(created.status == 200, "\(created)")
                            session = name
                        }
                        let path = route.path.replacing("{session}", with: session ?? "").replacing(
                            "{user_id}", with: person.id.text)
                        let needsAdministrator = route.gate.contains { $0.kind == .role }
                        let token =
                            route.path.hasPrefix("/v1/auth")
                            ? nil : needsAdministrator ? administrator.token : person.token
                        let response = await app.call(
                            route.method.rawValue, path, json: .object(body), token: token,
                            headers: ["Prefer": "respond-async"])
                        calls += 1
                        #expect(
                            response.status < 500 || response.code == "not-configured",
                            "\(route.method) \(route.path) \(property.name) = \("\(value)".prefix(60)): \(response)")
                        if response.status >= 400 {
                            #expect(
                                route.problems.contains { $0.code == response.code && $0.status == response.status },
                                "\(route.method) \(route.path) \(property.name): \(response)")
                        }
                        #expect(!response.headers.contains { $0.value.contains { $0.isNewline } })
                        // A call that succeeds may change its session or the person's plan.
                        if response.status < 400 {
                            session = nil
                            if needsAdministrator { try await Self.restorePlan(of: person, by: administrator, in: app) }
                        }
                    }
                }
            }
            #expect(calls > 500 / Self.parts)
            #expect(!app.log.lines.contains { $0.contains("\"level\":\"error\"") })
        }
    }

    private static func restorePlan(of person: TestPerson, by administrator: TestPerson, in app: TestApp) async throws {
        let response = await app.call(
            "POST", "/v1/payments/subscriptions/\(person.id)/adjust", json: ["plan": "enterprise"],
            token: administrator.token)
        guard response.status == 200 else { throw UnexpectedResponse(response) }
    }

    /// The start of the file `/etc/passwd`.
    private static let passwordFileStart = Data("root:".utf8)

    @Test(arguments: Engine.available)
    func `a hostile value in any parameter of any path or query is refused without a 5xx`(_ engine: Engine) async throws
    {
        try await withTestApp(engine) { app in
            let person = try await app.subscriber("enterprise")
            let values = [
                "%00", "a%00b", "%F0%9F%82%A1", "..", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "'%20OR%201=1--", "%25s%25n",
                String(repeating: "a", count: 255),
                String(repeating: "%F0%9F%82%A1", count: 256),
                "-1", "9223372036854775808", "null", "%E2%80%AE", "{session}", "*", "%0d%0aSet-Cookie:%20a=b",
                "0194c0de-1234-7abc-89ab-0123456789ab",
            ]
            for route in app.app.routes where route.path != "/v1/auth/logout" {
                for value in values {
                    let query = route.gate.filter { $0.kind == .query }.map { "\($0.name)=\(value)" }.joined(
                        separator: "&")
                    let path = route.path.replacing(/\{[^}]*\}/, with: value) + (query.isEmpty ? "" : "?\(query)")
                    let response = await app.call(
                        route.method.rawValue, path, json: route.input == nil ? nil : [:], token: person.token)
                    #expect(
                        response.status < 500 || response.code == "not-configured",
                        "\(route.method) \(path): \(response)")
                    #expect(!response.headers.contains { $0.value.contains { $0.isNewline } })
                    #expect(Data(response.bytes).range(of: Self.passwordFileStart) == nil)
                }
            }
            #expect(!app.log.lines.contains { $0.contains("\"level\":\"error\"") })
        }
    }
}

/// Makes a minimal value that fits a schema.
private struct SampleMaker {
    let components: [String: Schema]

    /// The schema, or the component that it refers to.
    func resolved(_ schema: Schema) -> Schema? {
        guard case .reference(let name) = schema else { return schema }
        return components[name]
    }

    func sample(of schema: Schema) -> JSONValue {
        switch schema {
        case .any, .nullable: .null
        case .boolean: false
        case .integer(let minimum, _): .integer(max(minimum ?? 0, 0))
        case .number(let minimum, _): .number(max(minimum ?? 0, 0))
        case .string("uuid", _, _): "0194c0de-1234-7abc-89ab-0123456789ab"
        case .string("date-time", _, _): "2026-01-31T12:00:00Z"
        case .string(_, let minLength, _): .string(String(repeating: "a", count: max(minLength ?? 0, 1)))
        case .enumeration(let values): .string(values.first ?? "")
        case .array: []
        case .map: [:]
        case .object(let shape):
            .object(
                Dictionary(
                    uniqueKeysWithValues: shape.properties.filter(\.isRequired).map { ($0.name, sample(of: $0.schema)) }
                ))
        case .reference(let name): components[name].map(sample) ?? .null
        }
    }
}
