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
    /// A token for one request: some doors end the session that it comes from.
    let token: @Sendable (TestApp) async throws -> String?

    /// The first thing in the route's gate that this caller lacks, in the order in which it is declared.
    func refusal(at route: Route, catalogue: Catalogue) -> String? {
        for requirement in route.gate {
            switch requirement.kind {
            case .open: return nil
            case .member, .organisationRole: if let refusal { return refusal }
            case .role:
                if let refusal { return refusal }
                if role != .admin, !requirement.name.split(separator: "|").contains(where: { $0 == role.rawValue }) { return "insufficient-role" }
            case .subscription: if plan == nil { return "no-active-subscription" }
            case .feature:
                guard let plan = plan.flatMap({ catalogue[$0] }) else { return "no-active-subscription" }
                if !plan.features.contains(requirement.name) { return "feature-not-available" }
            case .quota:
                guard let plan = plan.flatMap({ catalogue[$0] }) else { return "no-active-subscription" }
                if plan.limits[requirement.name] ?? .upTo(0) == .upTo(0) { return "quota-exceeded" }
            case .path, .query, .header, .body: return nil
            }
        }
        return nil
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
        try await app.app.database.write { try $0.execute("UPDATE people SET email_verified_at = \($0.now) WHERE id = \(unsubscribed.id)") }
        let (free, pro, foreigner) = (try await app.subscriber("free"), try await app.subscriber("pro"), try await app.subscriber("pro", "foreigner"))
        let administrator = try await app.administrator()
        let suspended = try await app.register("suspended")
        try await app.app.identity.suspend(suspended.id)
        all = [
            Caller(name: "nobody", refusal: "missing-authorization") { _ in nil },
            Caller(name: "a malformed token", refusal: "authentication-failed") { _ in "not.a-token" },
            Caller(name: "an expired token", refusal: "token-expired") { _ in expired.token },
            Caller(name: "suspended", refusal: "token-expired") { _ in suspended.token },
            Caller(name: "unverified", token: Self.signIn(unverified)),
            Caller(name: "no subscription", token: Self.signIn(unsubscribed)),
            Caller(name: "Free", plan: Plan.ID("free"), token: Self.signIn(free)),
            Caller(name: "Pro", plan: Plan.ID("pro"), token: Self.signIn(pro)),
            Caller(name: "another organisation", plan: Plan.ID("pro"), token: Self.signIn(foreigner)),
            Caller(name: "administrator", role: .admin, token: Self.signIn(administrator)),
        ]
    }

    private static func signIn(_ person: TestPerson) -> @Sendable (TestApp) async throws -> String? {
        { app in
            let reply = await app.call("POST", "/v1/auth/login", json: ["email": .string(person.email), "password": .string(person.password)])
            guard let token = reply["access_token"]?.string else { throw UnexpectedReply(reply) }
            return token
        }
    }
}
