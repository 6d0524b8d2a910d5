import Client
import Modules

/// Using up a quota.
extension Tour {
    /// Free includes five processing runs a month.
    private static let included: Int64 = 5

    func exhaustProcessing() async throws {
        let account = try await register("second@example.org", as: "Second account")
        try await subscribeToFree(account)
        let session = TrainingSessionName()
        try await openSession(session, account)
        // Ten days, because the number of datasets does not matter here.
        let beginning = Multipart.Part.Content.bytes(try examples.beginning(of: examples.seattle, lines: 241))
        for series in [Series.seattleBefore, .seattleAfter] {
            try await upload(beginning, named: "ten-days.csv", series, session, account)
        }
        try await saveSteps(session, account)

        let path = "/api/training/generate-datasets/\(session.id)"
        let body = ClientBody.json(["model_parameters": [:]])
        for run in 1...Self.included {
            try await runner.step(.post, path, by: account.client, body: body, expect: .ok) { response in
                "run \(run) of \(Self.included): \(try response.at("dataset_count").text) datasets"
            }
        }
        let usage = try await account.client.get("/v1/usage").json ?? .null
        let members: [String: JSONValue] = [
            "plan": "Free", "limit": .integer(Self.included), "current_usage": .integer(Self.included),
            "resets_at": usage["resets_at"] ?? .null,
        ]
        try await runner.step(
            .post, path, by: account.client, body: body,
            expect: .refused(403, "quota-exceeded", "Processing limit reached", members)
        ) { response in
            let (used, limit) = (try response.at("current_usage").text, try response.at("limit").text)
            return "one too many: \(used) of \(limit) used until \(try response.text(at: "resets_at").prefix(10))"
        }
    }
}
