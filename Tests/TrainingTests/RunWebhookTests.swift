import App
import Base
import Modules
import Secrets
import TestKit
import Testing

/// The event `training_run.finished`, from the run to a receiver of the organisation.
@Suite struct RunWebhookTests {
    private func endpoint(_ fixture: TrainingFixture, _ receiver: WebhookReceiver) async throws -> StandardWebhookSecret
    {
        let created = await fixture.app.call(
            "POST", "/v1/webhooks/endpoints",
            json: ["url": .string(receiver.url), "event_types": ["training_run.finished"]], token: fixture.person.token)
        let secret = try #require(created["secret"]?.string, "\(created)")
        return try #require(StandardWebhookSecret(secret))
    }

    /// The data of the messages, whose signatures are verified.
    private func received(_ fixture: TrainingFixture, _ receiver: WebhookReceiver, _ secret: StandardWebhookSecret)
        async throws -> [JSONValue]
    {
        try await fixture.app.runJobs()
        return try receiver.messages.map { message in
            try StandardWebhookSignature.verify(
                message.body, header: { message.headers[$0].map { [$0] } ?? [] }, at: fixture.app.clock.now,
                with: [secret])
            #expect(message.type == "training_run.finished" && message.json["timestamp"] != nil, "\(message.json)")
            return try #require(message.json["data"])
        }
    }

    private func runs(_ fixture: TrainingFixture) async throws -> [String] {
        try await fixture.database.read { transaction in
            try transaction.all("SELECT id FROM training_runs ORDER BY created_at, id") { try $0["id"] }
        }
    }

    @Test(arguments: Engine.available)
    func `the end of each run reaches a receiver once, signed`(engine: Engine) async throws {
        try await WebhookReceiver.with { receiver in
            try await withTrainingFixture(engine, change: { $0.outboundPrivateNetworks = ["true"] }) { fixture in
                let secret = try await endpoint(fixture, receiver)
                try await fixture.prepareDatasets()
                try await fixture.train()
                let data = try await received(fixture, receiver, secret)
                let runs = try await runs(fixture)
                #expect(Set(data.map { $0["id"]?.string }) == Set(runs))
                #expect(data.map { $0["kind"]?.string } == ["datasets", "training"])
                #expect(data.allSatisfy { $0["state"] == "succeeded" && $0["error"] == nil }, "\(data)")
                let identity = await fixture.get("get-session-uuid/s")
                #expect(data.allSatisfy { $0["session_id"] == identity["sessionUuid"] }, "\(data)")
                #expect(Set(receiver.messages.compactMap { $0.headers["webhook-id"] }).count == runs.count)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a cancelled run is sent too, and to no other organisation`(engine: Engine) async throws {
        try await WebhookReceiver.with { receiver in
            try await withTrainingFixture(engine, change: { $0.outboundPrivateNetworks = ["true"] }) { fixture in
                try await fixture.prepareDatasets()
                let secret = try await endpoint(fixture, receiver)
                let other = TrainingFixture(app: fixture.app, person: try await fixture.app.subscriber("pro", "other"))
                try await other.prepareDatasets("theirs")
                #expect(await fixture.post("train-models/s", ["model_parameters": Samples.linear]).status == 202)
                #expect(await fixture.post("cancellation/s").status == 200)
                let data = try await received(fixture, receiver, secret)
                #expect(data.map { $0["state"]?.string } == ["cancelled"] && data[0]["kind"] == "training", "\(data)")
            }
        }
    }
}
