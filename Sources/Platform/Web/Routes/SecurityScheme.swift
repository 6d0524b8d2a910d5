package import Base

/// A way of presenting a credential: a Security Scheme Object of OpenAPI 3.1.
package struct SecurityScheme: Sendable, Hashable {
    /// The key under `components.securitySchemes`.
    package let name: String
    private let members: [String: String]

    /// A token in `Authorization: Bearer` (RFC 6750).
    package static func bearer(_ name: String, _ description: String) -> SecurityScheme {
        SecurityScheme(name: name, members: ["type": "http", "scheme": "bearer", "description": description])
    }

    /// A key in the header field `field`.
    package static func header(_ name: String, field: String, _ description: String) -> SecurityScheme {
        SecurityScheme(
            name: name, members: ["type": "apiKey", "in": "header", "name": field, "description": description])
    }

    package var json: JSONValue { .object(members.mapValues { .string($0) }) }
}

/// A scheme that a requirement accepts.
package struct SecurityRequirement: Sendable, Hashable {
    package let scheme: SecurityScheme
    /// The scope that the credential has to have; nil where any will do.
    package let scope: String?

    package init(_ scheme: SecurityScheme, scope: String? = nil) {
        self.scheme = scheme
        self.scope = scope
    }
}
