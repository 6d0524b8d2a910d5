import App
import Client
import Identity
import Modules

/// Accounts, plans and who is let in.
extension Tour {
    private static let password = "a-long-and-winding-road"
    /// What Free does not include, asked for before anything exists: the gate comes first.
    private static let training = "/api/training/train-models/test123"

    func register(_ email: String, as name: String) async throws -> Customer {
        let body: JSONValue = ["email": .string(email), "password": .string(Self.password), "full_name": .string(name)]
        let answer = try await guide.step(.post, "/v1/auth/register", by: outside, body: .json(body), expect: .created)
        { answer in
            "\(try answer.at("user", "email").string ?? "?") has an account; the token is good for \(Int(try answer.number(at: "expires_in") / 60)) minutes"
        }
        return Customer(
            id: try answer.at("user", "id").string ?? "",
            client: outside.signedIn(with: try answer.text(at: "access_token")))
    }

    func seeProfile(_ customer: Customer) async throws {
        try await guide.step(.get, "/v1/auth/profile", by: customer.client, expect: .ok) { answer in
            "signed in as \(try answer.at("user", "full_name").string ?? "?"), role \(try answer.at("user", "role").string ?? "?")"
        }
    }

    func beTurnedAway(_ customer: Customer) async throws {
        let body = ClientBody.json(["model_parameters": ["MODE": "LIN"]])
        try await guide.step(
            .post, Self.training, by: outside, body: body,
            expect: .refused(401, "missing-authorization", "Missing authorization header"),
            "without a token"
        )
        let details =
            "invalid JWT: unable to parse or verify signature, token is malformed: token contains an invalid number of segments"
        try await guide.step(
            .post, Self.training, by: outside.signedIn(with: "not-a-token"), body: body,
            expect: .refused(401, "authentication-failed", "Authentication failed", ["details": .string(details)]),
            "with a token that is none"
        )
        try await guide.step(
            .post, Self.training, by: customer.client, body: body,
            expect: .refused(403, "no-active-subscription", "No active subscription"),
            "signed in, but on no plan"
        )
    }

    func subscribeToFree(_ customer: Customer) async throws {
        try await guide.step(
            .post, "/v1/payments/subscribe", by: customer.client, body: .json(["plan": "free"]), expect: .created
        ) { answer in
            let limits = try answer.at("plan", "limits")
            return
                "on \(try answer.at("plan", "name").string ?? "?"): \(try limits.at("processing").text) processing runs a month, no training"
        }
    }

    /// The first administrator is made on the server itself, as `gatehouse admin create` does; everything after that goes through the door.
    func moveToPro(_ customer: Customer) async throws {
        _ = try await app.identity.registration.createAdministrator(email: "root@example.org", password: Self.password)
        guide.remark("(on the server: gatehouse admin create --email root@example.org)")
        let form = ClientBody.form([
            "grant_type": "password", "username": "root@example.org", "password": Self.password,
        ])
        let answer = try await guide.step(
            .post, "/v1/auth/login", by: outside, body: form, expect: .ok,
            "the administrator signs in, with OAuth's form")
        let administrator = outside.signedIn(with: try answer.text(at: "access_token"))
        let path = "/v1/payments/subscriptions/\(customer.id)/adjust"
        try await guide.step(.post, path, by: administrator, body: .json(["plan": "pro"]), expect: .ok) { answer in
            "on \(try answer.at("plan", "name").string ?? "?"): \(try answer.at("plan", "limits", "training_runs").text) training runs a month"
        }
    }

    func seeUsage(_ customer: Customer) async throws {
        try await guide.step(.get, "/v1/usage", by: customer.client, expect: .ok(["plan": "Pro"])) { answer in
            // Two models, however often more were asked for; one generation; three files. What was refused cost nothing.
            for (meter, used) in [("training_runs", 2), ("processing", 1), ("uploads", 3)] {
                let level = try answer.at("meters", meter)
                guard level["used"] == .integer(Int64(used)), level["held"] == 0 else {
                    throw Difference(expected: "\(meter): used \(used), held 0", got: level.text)
                }
            }
            let meters = try answer.at("meters")
            let told = try ["training_runs", "processing", "uploads"].map { meter in
                "\(meter) \(try meters.at(meter, "used").text) of \(try meters.at(meter, "limit").text)"
            }
            return told.joined(separator: ", ") + "; refusals cost nothing"
        }
    }

    /// Revocation reaches a token that is not expired yet within a second.
    func logOut(_ customer: Customer) async throws {
        try await guide.step(.post, "/v1/auth/logout", by: customer.client, expect: .ok, "signed out")
        let started = ContinuousClock.now
        while ContinuousClock.now - started < .seconds(1),
            try await customer.client.get("/v1/auth/profile").status == 200
        {
            try await Task.sleep(for: .milliseconds(20))
        }
        let milliseconds = Int((ContinuousClock.now - started) / .milliseconds(1))
        try await guide.step(
            .get, "/v1/auth/profile", by: customer.client,
            expect: .refused(401, "token-expired", "Invalid or expired token"),
            "the token was good for 15 minutes and ended after \(milliseconds) ms"
        )
    }
}
