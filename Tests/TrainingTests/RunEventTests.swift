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
            #expect(messages.map { $0["seq"]?.integer } == messages.indices.map { Int64($0) + 1 })
            #expect(messages.allSatisfy { $0["data"]?["session_id"]?.string == "s" })

            let datasets = messages.filter { $0["type"]?.string == "dataset_status_update" }.compactMap { $0["data"] }
            #expect(datasets.first?["status"]?.string == "queued")
            #expect(datasets.dropFirst().first?["progress"]?.integer == 5)
            #expect(datasets.last?["status"]?.string == "completed" && datasets.last?["progress"]?.integer == 100)

            let progress = messages.filter { $0["type"]?.string == "training_progress" }.compactMap { $0["data"] }
            #expect(
                progress.prefix(2).map { $0["status"]?.string } == ["training_starting", "training_started"])
            #expect(progress.last?["status"]?.string == "training_completed")
            #expect(progress.allSatisfy { $0["model_name"]?.string == "Dense" && $0["total_epochs"]?.integer == 3 })

            let metrics = messages.filter { $0["type"]?.string == "training_metrics" }.compactMap { $0["data"] }
            #expect(metrics.map { $0["epoch"]?.integer } == [1, 2, 3])
            #expect(metrics.last?["progress_percent"]?.number == 50)
            #expect(metrics.allSatisfy { $0["loss"]?.number != nil && $0["val_loss"] == nil })
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
