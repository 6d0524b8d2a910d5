import App
import Client
import Identity
import Modules

/// Accounts, plans and authentication.
extension Tour {
    private static let password = "a-long-and-winding-road"
    /// An endpoint that Free does not include, for a session that does not exist: the gate refuses before the lookup.
    private static let training = "/api/training/train-models/test123"

    func register(_ email: String, as name: String) async throws -> TourAccount {
        let body: JSONValue = ["email": .string(email), "password": .string(Self.password), "full_name": .string(name)]
        let response = try await runner.step(
            .post, "/v1/auth/register", by: anonymous, body: .json(body), expect: .created
        ) { response in
            let email = try response.at("user", "email").string ?? "?"
            let minutes = Int(try response.number(at: "expires_in") / 60)
            return "\(email) is registered; the token is valid for \(minutes) minutes"
        }
        return TourAccount(
            id: try response.at("user", "id").string ?? "",
            client: anonymous.signedIn(with: try response.text(at: "access_token")))
    }

    func readProfile(_ account: TourAccount) async throws {
        try await runner.step(.get, "/v1/auth/profile", by: account.client, expect: .ok) { response in
            let user = try response.at("user")
            return "signed in as \(user["full_name"]?.string ?? "?"), role \(user["role"]?.string ?? "?")"
        }
    }

    func requestWithoutPermission(_ account: TourAccount) async throws {
        let body = ClientBody.json(["model_parameters": ["MODE": "LIN"]])
        try await runner.step(
            .post, Self.training, by: anonymous, body: body,
            expect: .refused(401, "missing-authorization", "Missing authorization header"),
            "without a token"
        )
        let details =
            "invalid JWT: unable to parse or verify signature, token is malformed: "
            + "token contains an invalid number of segments"
        try await runner.step(
            .post, Self.training, by: anonymous.signedIn(with: "not-a-token"), body: body,
            expect: .refused(401, "authentication-failed", "Authentication failed", ["details": .string(details)]),
            "with a malformed token"
        )
        try await runner.step(
            .post, Self.training, by: account.client, body: body,
            expect: .refused(403, "no-active-subscription", "No active subscription"),
            "signed in, without a subscription"
        )
    }

    func subscribeToFree(_ account: TourAccount) async throws {
        try await runner.step(
            .post, "/v1/payments/subscribe", by: account.client, body: .json(["plan": "free"]), expect: .created
        ) { response in
            let (plan, limit) = (try response.at("plan", "name"), try response.at("plan", "limits", "processing"))
            return "plan \(plan.string ?? "?"): \(limit.text) processing runs a month, no training"
        }
    }

    /// Creates the first administrator in process, as `gatehouse admin create` does; the administrator then changes
    /// the plan over HTTP.
    func changePlanToPro(_ account: TourAccount) async throws {
        _ = try await app.identity.registration.createAdministrator(email: "root@example.org", password: Self.password)
        runner.note("(on the server: gatehouse admin create --email root@example.org)")
        let form = ClientBody.form([
            "grant_type": "password", "username": "root@example.org", "password": Self.password,
        ])
        let response = try await runner.step(
            .post, "/v1/auth/login", by: anonymous, body: form, expect: .ok,
            "the administrator signs in, with the OAuth 2.0 form")
        let administrator = anonymous.signedIn(with: try response.text(at: "access_token"))
        let path = "/v1/payments/subscriptions/\(account.id)/adjust"
        try await runner.step(.post, path, by: administrator, body: .json(["plan": "pro"]), expect: .ok) { response in
            let (plan, limit) = (try response.at("plan", "name"), try response.at("plan", "limits", "training_runs"))
            return "plan \(plan.string ?? "?"): \(limit.text) training runs a month"
        }
    }

    func readUsage(_ account: TourAccount) async throws {
        try await runner.step(.get, "/v1/usage", by: account.client, expect: .ok(["plan": "Pro"])) { response in
            // Two models, one generation and three files; refused requests used nothing.
            for (meter, used) in [("training_runs", 2), ("processing", 1), ("uploads", 3)] {
                let level = try response.at("meters", meter)
                guard level["used"] == .integer(Int64(used)), level["held"] == 0 else {
                    throw Difference(expected: "\(meter): used \(used), held 0", got: level.text)
                }
            }
            let meters = try response.at("meters")
            let used = try ["training_runs", "processing", "uploads"].map { meter in
                "\(meter) \(try meters.at(meter, "used").text) of \(try meters.at(meter, "limit").text)"
            }
            return used.joined(separator: ", ") + "; refused requests used nothing"
        }
    }

    /// Signs out, and waits at most one second until the unexpired access token is refused.
    func signOut(_ account: TourAccount) async throws {
        try await runner.step(.post, "/v1/auth/logout", by: account.client, expect: .ok, "signed out")
        let started = ContinuousClock.now
        while ContinuousClock.now - started < .seconds(1),
            try await account.client.get("/v1/auth/profile").status == 200
        {
            try await Task.sleep(for: .milliseconds(20))
        }
        let milliseconds = Int((ContinuousClock.now - started) / .milliseconds(1))
        try await runner.step(
            .get, "/v1/auth/profile", by: account.client,
            expect: .refused(401, "token-expired", "Invalid or expired token"),
            "the token, valid for 15 minutes, was revoked within \(milliseconds) ms"
        )
    }
}
