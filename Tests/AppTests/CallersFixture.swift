import App
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
    var isVerified = true
    var plan: Plan.ID?
    /// The scopes of the caller's API key; nil for a caller without one.
    var keyScopes: Set<String>?
    /// The scopes of the caller's service key; nil for a caller without one.
    var serviceScopes: Set<String>?
    /// The problem code with which every endpoint that accepts service keys refuses this caller's.
    var serviceRefusal: String?
    /// The account whose session the caller uses; nil for other credentials.
    var person: TestPerson?
    /// The header fields of the caller's credential, without the access token of ``person``.
    var headers: [String: String] = [:]

    /// - Returns: the problem code of the first requirement in the route's gate that this caller does not meet, in the
    ///   declared order; nil when it meets all.
    func refusal(at route: Route, catalogue: PlanSet) -> String? {
        for requirement in route.gate {
            switch requirement.kind {
            case .public, .metricsToken: return nil
            case .serviceKey: if let refusal = serviceKeyRefusal(requirement) { return refusal }
            case .member: if let refusal = identityRefusal(requirement) { return refusal }
            case .role:
                if let refusal = identityRefusal(requirement) { return refusal }
                if role != .admin, !requirement.name.split(separator: "|").contains(where: { $0 == role.rawValue }) {
                    return "insufficient-role"
                }
            case .organisationRole:
                if let refusal = identityRefusal(requirement) { return refusal }
                // Every account owns its own organisation, and none is a member of the ones that the tests' paths name.
                if route.path.contains("/organisations/{") { return "not-found" }
            case .verified: if !isVerified { return "email-not-verified" }
            case .subscription: if plan == nil { return "no-active-subscription" }
            case .feature:
                guard let plan = plan.flatMap({ catalogue[$0] }) else { return "no-active-subscription" }
                if !plan.features.contains(requirement.name) { return "feature-not-available" }
            case .quota:
                guard let plan = plan.flatMap({ catalogue[$0] }) else { return "no-active-subscription" }
                if plan.limits[requirement.name] ?? .upTo(0) == .upTo(0) { return "quota-exceeded" }
            case .credits: if plan == nil { return "subscription-required" }
            case .concurrency:
                // Work that needs no subscription has the default allowance.
                let allowance = catalogue.allowance
                if allowance.concurrency(of: requirement.name, under: plan.flatMap { catalogue[$0] }) == .upTo(0) {
                    return plan == nil ? "no-active-subscription" : "concurrency-limit"
                }
            case .rate: continue
            default: return nil
            }
        }
        return nil
    }

    private func serviceKeyRefusal(_ requirement: RequirementSummary) -> String? {
        if let serviceScopes {
            return serviceRefusal ?? (serviceScopes.contains(requirement.name) ? nil : "insufficient-scope")
        }
        return refusal ?? "insufficient-scope"
    }

    private func identityRefusal(_ requirement: RequirementSummary) -> String? {
        if serviceScopes != nil { return "authentication-failed" }
        if let refusal { return refusal }
        guard let keyScopes else { return nil }
        return requirement.keyScope.map(keyScopes.contains) ?? false ? nil : "insufficient-scope"
    }
}

/// One caller of each kind, with the accounts, plans and API keys that they need.
struct CallersFixture {
    let all: [Caller]

    init(_ app: TestApp) async throws {
        let expired = try await app.register("expired")
        app.clock.advance(by: .minutes(16))
        let unverified = try await app.register("unverified", isVerified: false)
        let unsubscribed = try await app.register("unsubscribed")
        let (free, pro, other) = (
            try await app.subscriber("free"), try await app.subscriber("pro"),
            try await app.subscriber("pro", "other")
        )
        let administrator = try await app.administrator()
        let suspended = try await app.register("suspended")
        // An account that can still start a trial would get a plan from the endpoint that starts it.
        for person in [unsubscribed, administrator] {
            try await app.app.database.write { transaction in
                try transaction.execute(
                    """
                    INSERT INTO trials (person_id, organisation_id, subscription_id, started_at)
                    VALUES (\(person.id), \(person.organisation), \(person.id), \(transaction.now))
                    """
                )
            }
        }
        let (suspendedKey, key) = (try await app.apiKey(of: suspended, ["*"]), try await app.apiKey(of: pro, ["*"]))
        try await app.app.identity.accounts.suspend(suspended.id)
        let narrow = try await app.apiKey(of: pro, ["identity.read"])
        let revoked = try await app.apiKey(of: pro, ["*"])
        _ = await app.call("DELETE", "/v1/auth/api-keys/\(revoked.id)", token: pro.token)
        let short = try await app.apiKey(
            of: pro, ["*"], ["expires_at": .string((app.clock.now + .seconds(1)).description)])
        let services = try await ServiceCallers(app, administrator, pro.organisation, other.organisation)
        app.clock.advance(by: .seconds(1))
        let mistyped = String(key.text.dropLast()) + (key.text.hasSuffix("0") ? "1" : "0")
        let everything = Set(app.app.routes.compactMap(\.keyScope)).subtracting(["administration.read"])
        let proPlan = Plan.ID("pro")
        all =
            [
                Caller(name: "no credential", refusal: "missing-authorization"),
                Caller(
                    name: "a malformed token", refusal: "authentication-failed", headers: Self.bearer("not.a-token")),
                Caller(name: "an expired token", refusal: "token-expired", headers: Self.bearer(expired.token)),
                Caller(name: "suspended", refusal: "token-expired", headers: Self.bearer(suspended.token)),
                Caller(name: "unverified", isVerified: false, person: unverified),
                Caller(name: "no subscription", person: unsubscribed),
                Caller(name: "Free", plan: Plan.ID("free"), person: free),
                Caller(name: "Pro", plan: proPlan, person: pro),
                Caller(name: "another organisation", plan: proPlan, person: other),
                Caller(
                    name: "in an organisation that is not theirs", refusal: "not-a-member", plan: proPlan, person: pro,
                    headers: ["X-Organisation": other.organisation]),
                Caller(name: "administrator", role: .admin, person: administrator),
                Caller(
                    name: "a key with every scope", plan: proPlan, keyScopes: everything,
                    headers: ["X-API-Key": key.text]),
                Caller(
                    name: "the same key as a bearer", plan: proPlan, keyScopes: everything,
                    headers: Self.bearer(key.text)),
                Caller(
                    name: "a key of another scope", plan: proPlan, keyScopes: ["identity.read"],
                    headers: ["X-API-Key": narrow.text]),
                Caller(name: "an expired key", refusal: "api-key-expired", headers: ["X-API-Key": short.text]),
                Caller(name: "a revoked key", refusal: "authentication-failed", headers: ["X-API-Key": revoked.text]),
                Caller(name: "a mistyped key", refusal: "authentication-failed", headers: ["X-API-Key": mistyped]),
                Caller(
                    name: "a key of a suspended account", refusal: "authentication-failed",
                    headers: ["X-API-Key": suspendedKey.text]),
                Caller(
                    name: "a key in an organisation that is not its own", refusal: "not-a-member",
                    headers: ["X-API-Key": key.text, "X-Organisation": other.organisation]),
            ] + services.all
    }

    private static func bearer(_ token: String) -> [String: String] { ["Authorization": "Bearer \(token)"] }
}

/// Products that run elsewhere, with service keys.
private struct ServiceCallers {
    let all: [Caller]

    /// - Parameter organisation: one with the plan Pro.
    init(_ app: TestApp, _ administrator: TestPerson, _ organisation: String, _ other: String) async throws {
        let (pro, scopes) = (Plan.ID("pro"), Set(["reservations:write", "usage:write"]))
        func key(_ scopes: Set<String>, _ more: [String: JSONValue] = [:]) async throws -> TestServiceKey {
            try await app.serviceKey(scopes.sorted(), more, administrator: administrator)
        }
        let every = try await key(scopes)
        let narrow = try await key(["usage:write"])
        let listed = try await key(scopes, ["organisations": [.string(other)]])
        let revoked = try await key(scopes)
        _ = await app.call("DELETE", "/v1/admin/service-keys/\(revoked.id)", token: administrator.token)
        let short = try await key(scopes, ["expires_at": .string((app.clock.now + .seconds(1)).description)])
        let mistyped = String(every.text.dropLast()) + (every.text.hasSuffix("0") ? "1" : "0")
        func caller(
            _ name: String, _ scopes: Set<String>, refused: String? = nil, headers: [String: String]
        ) -> Caller {
            Caller(name: name, plan: pro, serviceScopes: scopes, serviceRefusal: refused, headers: headers)
        }
        all = [
            caller("a service key", scopes, headers: every.headers(in: organisation)),
            caller(
                "the same service key in X-API-Key", scopes,
                headers: ["X-API-Key": every.text, "X-Organisation": organisation]),
            caller("a service key of another scope", ["usage:write"], headers: narrow.headers(in: organisation)),
            caller(
                "a service key without an organisation", scopes, refused: "invalid-request",
                headers: ["Authorization": "Bearer \(every.text)"]),
            caller(
                "a service key outside of its organisations", scopes, refused: "not-a-member",
                headers: listed.headers(in: organisation)),
            caller(
                "an expired service key", scopes, refused: "api-key-expired", headers: short.headers(in: organisation)),
            caller(
                "a revoked service key", scopes, refused: "authentication-failed",
                headers: revoked.headers(in: organisation)),
            caller(
                "a mistyped service key", scopes, refused: "authentication-failed",
                headers: TestServiceKey(id: "", text: mistyped).headers(in: organisation)),
        ]
    }
}

extension TestApp {
    /// Creates an API key over HTTP.
    func apiKey(of person: TestPerson, _ scopes: [String], _ more: [String: JSONValue] = [:]) async throws -> (
        id: String, text: String
    ) {
        let body: [String: JSONValue] = [
            "name": "for a test", "scopes": .array(scopes.map { .string($0) }), "password": .string(person.password),
        ]
        let response = await call(
            "POST", "/v1/auth/api-keys", json: .object(body.merging(more) { $1 }), token: person.token)
        guard let id = response["id"]?.string, let text = response["api_key"]?.string else {
            throw UnexpectedResponse(response)
        }
        return (id, text)
    }
}
