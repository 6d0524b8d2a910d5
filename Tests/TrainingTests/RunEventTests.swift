import Base
import Identity
import Modules
import TestKit
import Testing

/// The messages of a session's topic.
@Suite struct RunEventTests {
    @Test(arguments: Engine.available)
    func `runs publish their beginning, each epoch and their end`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets()
            try await fixture.train("s", Samples.dense, split: Samples.withoutValidation)
            let messages = try await fixture.events()
            let numbers = messages.map { $0["seq"]?.integer }
            #expect(numbers == messages.indices.map { Int64($0) + 1 })
            #expect(Set(messages.values("session_id")) == ["s"])

            let datasets = messages.of("dataset_status_update")
            #expect(datasets.values("status").first == "queued")
            #expect(datasets.dropFirst().first?["data"]?["progress"]?.integer == 5)
            #expect(datasets.values("status").last == "completed")
            #expect(datasets.last?["data"]?["progress"]?.integer == 100)

            let progress = messages.of("training_progress")
            let statuses = progress.values("status")
            #expect(Array(statuses.prefix(2)) == ["training_starting", "training_started"])
            #expect(statuses.last == "training_completed")
            #expect(Set(progress.values("model_name")) == ["Dense"])
            #expect(progress.last?["data"]?["total_epochs"]?.integer == 3)

            let metrics = messages.of("training_metrics")
            let epochs = metrics.map { $0["data"]?["epoch"]?.integer }
            #expect(epochs == [1, 2, 3])
            #expect(metrics.last?["data"]?["progress_percent"]?.number == 50)
            #expect(metrics.last?["data"]?["loss"]?.number != nil)
            #expect(metrics.last?["data"]?["val_loss"] == nil)
            #expect(messages.last?["type"]?.string == "training_completed")
            #expect(messages.last?["data"]?["success"]?.bool == true)
        }
    }

    @Test(arguments: Engine.available)
    func `a cancelled run says so, and a deleted session has no topic`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets()
            #expect(
                await fixture.post("train-models/s", ["model_parameters": Samples.linear]).status == 202)
            #expect(await fixture.post("cancellation/s").status == 200)
            let last = try #require(try await fixture.events().last)
            #expect(last["type"]?.string == "training_error")
            #expect(last["data"]?["status"]?.string == "cancelled")

            let topic = try await fixture.topic()
            let other = try await fixture.app.register("other")
            #expect(
                await fixture.app.call("GET", "/v1/realtime/topics/\(topic)", token: other.token).status == 404)
            #expect(await fixture.post("session/s/delete").status == 200)
            #expect(
                await fixture.app.call("GET", "/v1/realtime/topics/\(topic)", token: fixture.person.token).status
                    == 404)
            #expect(try await fixture.count("topics") == 0)
            #expect(try await fixture.count("topic_messages") == 0)
        }
    }
}

extension TrainingFixture {
    /// The name of the topic of a session.
    fileprivate func topic(_ session: String = "s") async throws -> String {
        let identity = await get("get-session-uuid/\(session)")
        return "training.\(try #require(identity["sessionUuid"]?.string, "\(identity)"))"
    }

    /// The messages of a session's topic.
    fileprivate func events(_ session: String = "s") async throws -> [JSONValue] {
        let page = await app.call(
            "GET", "/v1/realtime/topics/\(try await topic(session))?after=0", token: person.token)
        return try #require(page["messages"]?.array, "\(page)")
    }
}

extension [JSONValue] {
    /// The messages of one type.
    fileprivate func of(_ type: String) -> [JSONValue] { filter { $0["type"]?.string == type } }

    /// A text in the data of each message.
    fileprivate func values(_ name: String) -> [String?] { map { $0["data"]?[name]?.string } }
}
