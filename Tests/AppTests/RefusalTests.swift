import App
import Base
import Modules
import TestKit
import Testing

/// The problem documents that existing clients read, member by member.
@Suite struct RefusalTests {
    /// Entitlement is checked before the resource is looked up: `test123` does not exist.
    private static let path = "/api/training/train-models/test123"

    private func refusal(_ app: TestApp, token: String?) async -> (status: Int, json: JSONValue) {
        let response = await app.call(
            "POST", Self.path, json: ["nonsense": true], token: token, headers: ["X-Request-ID": "request-one"])
        return (response.status, response.json)
    }

    @Test(arguments: Engine.available)
    func `training is refused to each kind of caller with the documented problem`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            func problem(
                _ code: String, _ title: String, _ status: Int64, detail: String? = nil,
                _ members: [String: JSONValue] = [:]
            ) -> JSONValue {
                var body: [String: JSONValue] = [
                    "type": .string("/problems/\(code)"), "title": .string(title), "status": .integer(status),
                    "detail": .string(detail ?? title),
                    "code": .string(code),
                    "request_id": "request-one", "error": .string(title),
                ]
                body.merge(members) { $1 }
                return .object(body)
            }
            #expect(
                await refusal(app, token: nil) == (
                    401, problem("missing-authorization", "Missing authorization header", 401)
                ))
            let malformed =
                "invalid JWT: unable to parse or verify signature, token is malformed: "
                + "token contains an invalid number of segments"
            #expect(
                await refusal(app, token: "invalid_token") == (
                    401, problem("authentication-failed", "Authentication failed", 401, ["details": .string(malformed)])
                )
            )
            let person = try await app.register()
            #expect(
                await refusal(app, token: person.token) == (
                    403,
                    problem(
                        "no-active-subscription", "No active subscription", 403,
                        detail:
                            "Start a plan first: POST /v1/payments/subscribe with "
                            + "{\"plan\": \"free\"} needs no payment."
                    )
                )
            )
            let free = try await app.subscriber("free")
            #expect(
                await refusal(app, token: free.token) == (
                    403,
                    problem(
                        "feature-not-available", "Training not available", 403,
                        detail: "The plan Free does not include this. Change the plan to use it.",
                        ["plan": "Free", "feature": "training"]
                    )
                )
            )
            let pro = try await app.subscriber("pro")
            #expect(await refusal(app, token: pro.token).status == 422)
            let missing = await app.call(
                "POST", Self.path, json: ["model_parameters": ["MODE": "LIN"]], token: pro.token)
            #expect(missing.status == 404)
            #expect(missing.code == "session-not-found")
            app.clock.advance(by: .minutes(15))
            #expect(
                await refusal(app, token: pro.token) == (401, problem("token-expired", "Invalid or expired token", 401))
            )
        }
    }
}
