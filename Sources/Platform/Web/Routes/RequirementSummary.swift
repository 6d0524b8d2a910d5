import Base

/// The description of a requirement. `gatehouse routes`, the OpenAPI document and the test of every endpoint with
/// every caller read it.
package struct RequirementSummary: Sendable, Hashable {
    /// The kind of a requirement, such as `public` or `rate`. The module that declares a requirement declares its kind.
    package struct Kind: Sendable, Hashable {
        package let name: String

        package init(_ name: String) { self.name = name }

        /// No credential is required.
        package static let `public` = Self("public")
        /// A rate limit.
        package static let rate = Self("rate")
        package static let path = Self("path")
        package static let query = Self("query")
        package static let header = Self("header")
        package static let body = Self("body")
    }

    package let kind: Kind
    /// The limit or the parameter; empty where the kind is sufficient.
    package let name: String
    /// Appended to the tag; empty where kind and name are sufficient.
    package let qualifier: String
    /// The schema of a parameter or of a body; nil for requirements that read neither.
    package let schema: Schema?
    /// The media type of a body that is not JSON.
    package let mediaType: String?
    /// False for a parameter that may be absent, and for a requirement that refuses no request: its proof is a `Bool`
    /// that says whether it is met.
    package let isRequired: Bool
    /// The credentials that it accepts, each by itself sufficient; empty where it reads none.
    package let security: [SecurityRequirement]

    package init(
        _ kind: Kind,
        _ name: String = "",
        qualifier: String = "",
        schema: Schema? = nil,
        mediaType: String? = nil,
        isRequired: Bool = true,
        security: [SecurityRequirement] = []
    ) {
        self.kind = kind
        self.name = name
        self.qualifier = qualifier
        self.schema = schema
        self.mediaType = mediaType
        self.isRequired = isRequired
        self.security = security
    }

    /// As `gatehouse routes` and `x-gate` show it: `public`, `rate:visitors`; then ``qualifier``.
    package var tag: String { (name.isEmpty ? kind.name : "\(kind.name):\(name)") + qualifier }

    /// Whether it reads a parameter or a body and requires nothing of the caller.
    package var readsInput: Bool { [.path, .query, .header, .body].contains(kind) }
}
