package import Modules

extension RequirementSummary.Kind {
    /// A signed-in caller, or an API key.
    package static let member = Self("member")
    /// A role of the account.
    package static let role = Self("role")
    /// The key of a product that runs elsewhere.
    package static let serviceKey = Self("service-key")
    /// A role in an organisation.
    package static let organisationRole = Self("organisation-role")
    /// A verified e-mail address.
    package static let verified = Self("verified")
}

extension SecurityScheme {
    package static let accessToken = bearer(
        "bearer", "An access token, or an API key where the endpoint accepts API keys.")
    package static let apiKey = header(
        "apiKey", field: "X-API-Key", "An API key that has the scope of the endpoint.")
    package static let serviceKey = bearer(
        "serviceKey", "A service key that has the scope of the endpoint, with the organisation in X-Organisation.")
}

extension RequirementSummary {
    /// The summary of a requirement that an access token meets, and an API key where `scope` is not nil.
    init(_ kind: Kind, _ name: String = "", keyScope scope: KeyScope?) {
        let key = scope.map { [SecurityRequirement(.apiKey, scope: $0.name)] } ?? []
        self.init(
            kind, name, qualifier: scope.map { "|key:\($0.name)" } ?? "",
            security: [SecurityRequirement(.accessToken)] + key)
    }

    /// The scope with which an API key is accepted; nil where none is.
    package var keyScope: String? { security.first { $0.scheme == .apiKey }?.scope }
}

extension Route {
    /// Whether the caller has to present the credential of an account, or a service key.
    package var requiresAccount: Bool {
        security.contains { $0.scheme == .accessToken || $0.scheme == .serviceKey }
    }
    /// The scope with which an API key is accepted; nil where none is.
    package var keyScope: String? { gate.lazy.compactMap(\.keyScope).first }
}
