import Client
import Modules

/// Using up what a plan includes.
extension Tour {
    /// Free includes five processing runs a month.
    private static let included: Int64 = 5

    func exhaustProcessing() async throws {
        let newcomer = try await register("newcomer@example.org", as: "Newcomer")
        try await subscribeToFree(newcomer)
        let session = TrainingSessionName()
        try await openSession(session, newcomer)
        // Ten days are enough to see a door close.
        let beginning = Multipart.Part.Content.bytes(try examples.beginning(of: examples.seattle, lines: 241))
        for series in [Series.seattleBefore, .seattleAfter] {
            try await upload(beginning, named: "ten-days.csv", series, session, newcomer)
        }
        try await saveSteps(session, newcomer)

        let path = "/api/training/generate-datasets/\(session.id)"
        let body = ClientBody.json(["model_parameters": [:]])
        for run in 1...Self.included {
            try await guide.step(.post, path, by: newcomer.client, body: body, expect: .ok) { answer in
                "run \(run) of \(Self.included): \(try answer.at("dataset_count").text) datasets"
            }
        }
        let usage = try await newcomer.client.get("/v1/usage").json ?? .null
        let members: [String: JSONValue] = [
            "plan": "Free", "limit": .integer(Self.included), "current_usage": .integer(Self.included),
            "resets_at": usage["resets_at"] ?? .null,
        ]
        try await guide.step(
            .post, path, by: newcomer.client, body: body,
            expect: .refused(403, "quota-exceeded", "Processing limit reached", members)
        ) { answer in
            "one too many: \(try answer.at("current_usage").text) of \(try answer.at("limit").text) used, until \(try answer.text(at: "resets_at").prefix(10))"
        }
    }
}
