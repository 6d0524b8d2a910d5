import App
import Base
import Entitlements
import Identity
import Modules
import TestKit

/// Somebody, or nobody, at a door.
struct Caller: Sendable {
    let name: String
    /// What the identity of this caller is refused with wherever one is asked for.
    var refusal: String?
    var role = Role.user
    var plan: Plan.ID?
    /// The scopes of the API key that this caller comes with; nil for those who are signed in.
    var keyScopes: Set<String>?
    /// What this caller shows, for one request: some doors end the session that it comes from.
    let credential: @Sendable (TestApp) async throws -> [String: String]

    /// The first thing in the route's gate that this caller lacks, in the order in which it is declared.
    func refusal(at route: Route, catalogue: Catalogue) -> String? {
        for requirement in route.gate {
            switch requirement.kind {
            case .public, .metricsToken: return nil
            case .member: if let refusal = identityRefusal(requirement) { return refusal }
            case .role:
                if let refusal = identityRefusal(requirement) { return refusal }
                if role != .admin, !requirement.name.split(separator: "|").contains(where: { $0 == role.rawValue }) {
                    return "insufficient-role"
                }
            case .organisationRole:
                if let refusal = identityRefusal(requirement) { return refusal }
                // Everybody owns their own organisation, and nobody belongs to the one that the addresses of this test name.
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
            default: return nil
            }
        }
        return nil
    }

    private func identityRefusal(_ requirement: RequirementSummary) -> String? {
        if let refusal { return refusal }
        guard let keyScopes else { return nil }
        return requirement.keyScope.map(keyScopes.contains) ?? false ? nil : "insufficient-scope"
    }
}

/// All who come to the doors.
struct Callers {
    let all: [Caller]

    init(_ app: TestApp) async throws {
        let expired = try await app.register("expired")
        app.clock.advance(by: .minutes(16))
        let unverified = try await app.register("unverified")
        let unsubscribed = try await app.register("unsubscribed")
        try await app.app.database.write {
            try $0.execute("UPDATE people SET email_verified_at = \($0.now) WHERE id = \(unsubscribed.id)")
        }
        let (free, pro, foreigner) = (
            try await app.subscriber("free"), try await app.subscriber("pro"),
            try await app.subscriber("pro", "foreigner")
        )
        let administrator = try await app.administrator()
        let suspended = try await app.register("suspended")
        // Whoever could begin a trial would have a plan from that door on.
        for person in [unsubscribed, administrator] {
            try await app.app.database.write { transaction in
                try transaction.execute(
                    """
                    INSERT INTO trials (person_id, organisation_id, subscription_id, begun_at)
                    VALUES (\(person.id), \(person.organisation), \(person.id), \(transaction.now))
                    """
                )
            }
        }
        let (suspendedKey, key) = (try await app.apiKey(of: suspended, ["*"]), try await app.apiKey(of: pro, ["*"]))
        try await app.app.identity.suspend(suspended.id)
        let narrow = try await app.apiKey(of: pro, ["usage.write"])
        let revoked = try await app.apiKey(of: pro, ["*"])
        _ = await app.call("DELETE", "/v1/auth/api-keys/\(revoked.id)", token: pro.token)
        let short = try await app.apiKey(
            of: pro, ["*"], ["expires_at": .string((app.clock.now + .seconds(1)).description)])
        app.clock.advance(by: .seconds(1))
        let mistyped = String(key.text.dropLast()) + (key.text.hasSuffix("0") ? "1" : "0")
        let everything = Set(app.app.routes.compactMap(\.keyScope)).subtracting(["administration.read"])
        let proPlan = Plan.ID("pro")
        all = [
            Caller(name: "nobody", refusal: "missing-authorization") { _ in [:] },
            Caller(name: "a malformed token", refusal: "authentication-failed") { _ in Self.bearer("not.a-token") },
            Caller(name: "an expired token", refusal: "token-expired") { _ in Self.bearer(expired.token) },
            Caller(name: "suspended", refusal: "token-expired") { _ in Self.bearer(suspended.token) },
            Caller(name: "unverified", credential: Self.signIn(unverified)),
            Caller(name: "no subscription", credential: Self.signIn(unsubscribed)),
            Caller(name: "Free", plan: Plan.ID("free"), credential: Self.signIn(free)),
            Caller(name: "Pro", plan: proPlan, credential: Self.signIn(pro)),
            Caller(name: "another organisation", plan: proPlan, credential: Self.signIn(foreigner)),
            Caller(name: "in an organisation that is not theirs", refusal: "not-a-member", plan: proPlan) { app in
                try await Self.signIn(pro)(app).merging(["X-Organisation": foreigner.organisation]) { $1 }
            },
            Caller(name: "administrator", role: .admin, credential: Self.signIn(administrator)),
            Caller(name: "a key with every scope", plan: proPlan, keyScopes: everything) { _ in ["X-API-Key": key.text]
            },
            Caller(name: "the same key as a bearer", plan: proPlan, keyScopes: everything) { _ in Self.bearer(key.text)
            },
            Caller(name: "a key of another scope", plan: proPlan, keyScopes: ["usage.write"]) { _ in
                ["X-API-Key": narrow.text]
            },
            Caller(name: "an expired key", refusal: "api-key-expired") { _ in ["X-API-Key": short.text] },
            Caller(name: "a revoked key", refusal: "authentication-failed") { _ in ["X-API-Key": revoked.text] },
            Caller(name: "a mistyped key", refusal: "authentication-failed") { _ in ["X-API-Key": mistyped] },
            Caller(name: "a key of somebody suspended", refusal: "authentication-failed") { _ in
                ["X-API-Key": suspendedKey.text]
            },
            Caller(name: "a key in an organisation that is not its own", refusal: "not-a-member") { _ in
                ["X-API-Key": key.text, "X-Organisation": foreigner.organisation]
            },
        ]
    }

    private static func bearer(_ token: String) -> [String: String] { ["Authorization": "Bearer \(token)"] }

    private static func signIn(_ person: TestPerson) -> @Sendable (TestApp) async throws -> [String: String] {
        { app in
            let response = await app.call(
                "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": .string(person.password)])
            guard let token = response["access_token"]?.string else { throw UnexpectedResponse(response) }
            return bearer(token)
        }
    }
}

extension TestApp {
    /// A new API key of somebody, made through the front door.
    func apiKey(of person: TestPerson, _ scopes: [String], _ more: [String: JSONValue] = [:]) async throws -> (
        id: String, text: String
    ) {
        let body: [String: JSONValue] = ["name": "for a test", "scopes": .array(scopes.map { .string($0) })]
        let response = await call(
            "POST", "/v1/auth/api-keys", json: .object(body.merging(more) { $1 }), token: person.token)
        guard let id = response["id"]?.string, let text = response["api_key"]?.string else {
            throw UnexpectedResponse(response)
        }
        return (id, text)
    }
}
