import Base
import Entitlements
import Identity
import Modules
import TestKit

/// A client of an endpoint, with or without a credential.
struct Caller: Sendable {
    let name: String
    /// The problem code with which every endpoint that requires an identity refuses this caller.
    var refusal: String?
    var role = Role.user
    var plan: Plan.ID?
    /// The scopes of the caller's API key; nil for a caller without one.
    var keyScopes: Set<String>?
    /// The account whose session the caller uses; nil for other credentials.
    var person: TestPerson?
    /// The header fields of the caller's credential, without the access token of ``person``.
    var headers: [String: String] = [:]

    /// - Returns: the problem code of the first requirement in the route's gate that this caller does not meet, in the
    ///   declared order; nil when it meets all.
    func refusal(at route: Route, catalogue: Catalogue) -> String? {
        for requirement in route.gate {
            switch requirement.kind {
            case .open: return nil
            case .member: if let refusal = identityRefusal(requirement) { return refusal }
            case .role:
                if let refusal = identityRefusal(requirement) { return refusal }
                if role != .admin, !requirement.name.split(separator: "|").contains(where: { $0 == role.rawValue }) {
                    return "insufficient-role"
                }
            case .organisationRole:
                if let refusal = identityRefusal(requirement) { return refusal }
                // Every account owns its own organisation, and none is a member of the ones that the tests' paths name.
                if route.path.contains("{") { return "not-found" }
            case .subscription: if plan == nil { return "no-active-subscription" }
            case .feature:
                guard let plan = plan.flatMap({ catalogue[$0] }) else { return "no-active-subscription" }
                if !plan.features.contains(requirement.name) { return "feature-not-available" }
            case .quota:
                guard let plan = plan.flatMap({ catalogue[$0] }) else { return "no-active-subscription" }
                if plan.limits[requirement.name] ?? .upTo(0) == .upTo(0) { return "quota-exceeded" }
            case .credits: if plan == nil { return "subscription-required" }
            case .concurrency:
                guard let plan = plan.flatMap({ catalogue[$0] }) else { return "no-active-subscription" }
                if plan.concurrency(of: requirement.name) == .upTo(0) { return "concurrency-limit" }
            case .rate, .right: continue
            case .path, .query, .header, .body: return nil
            }
        }
        return nil
    }

    private func identityRefusal(_ requirement: GateSummary) -> String? {
        if let refusal { return refusal }
        guard let keyScopes else { return nil }
        return requirement.keyScope.map(keyScopes.contains) ?? false ? nil : "insufficient-scope"
    }
}
