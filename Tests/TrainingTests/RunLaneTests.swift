import App
import Base
import Foundation
import Modules
import TestKit
import Testing

@Suite(.serialized) struct RunLaneTests {
    @Test(.timeLimit(.minutes(2)), arguments: Engine.available)
    func `runs leave slots to other organisations and to mail, and a cancelled one frees its slot`(
        engine: Engine
    ) async throws {
        try await withTrainingFixture(engine, plan: "enterprise") { fixture in
            let other = TrainingFixture(app: fixture.app, person: try await fixture.app.subscriber("enterprise"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                // The runner of the server: its slots, signals and polls.
                group.addTask { try await fixture.app.app.runner.run() }
                for name in ["a", "b"] {
                    try await fixture.prepare(name)
                    try await fixture.require(200, await fixture.post("generate-datasets/\(name)"))
                }
                try await other.prepare("c")
                // The latest run of a session is the one with the latest time.
                fixture.app.clock.advance(by: .seconds(1))
                let endless: JSONValue = [
                    "model_parameters": ["MODE": "Dense", "LAY": 3, "N": 512, "EP": 2_000],
                    "training_split": Samples.withoutValidation,
                ]
                for name in ["a", "b"] {
                    try await fixture.require(202, await fixture.post("train-models/\(name)", endless))
                }
                await fixture.wait(for: "running", of: "a")
                #expect(await fixture.status("b") == "queued")

                // The other organisation's run and an e-mail find free slots.
                try await fixture.require(200, await other.post("generate-datasets/c"))
                let person = try await fixture.app.register("new")
                let isMailed = try await eventually {
                    try fixture.app.mailbox().contains { $0.recipient == person.email }
                }
                #expect(isMailed)
                #expect(await fixture.status("a") == "running")
                #expect(await fixture.status("b") == "queued")
                fixture.app.clock.advance(by: .seconds(1))
                try await fixture.require(202, await other.post("train-models/c", endless))
                await other.wait(for: "running", of: "c")

                #expect(await fixture.post("cancellation/a").status == 200)
                await fixture.wait(for: "cancelled", of: "a")
                await fixture.wait(for: "running", of: "b")
                #expect(await other.status("c") == "running")
                #expect(await fixture.level("training_runs") == [0, 1])
                #expect(await fixture.post("cancellation/b").status == 200)
                #expect(await other.post("cancellation/c").status == 200)
                await fixture.wait(for: "cancelled", of: "b")
                await other.wait(for: "cancelled", of: "c")
                #expect(await fixture.level("training_runs") == [0, 0])
                #expect(await other.level("training_runs") == [0, 0])
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }

    @Test(.timeLimit(.minutes(2)), arguments: Engine.available)
    func `short runs start while the long trainings of two organisations take all slots`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "enterprise") { fixture in
            let second = TrainingFixture(app: fixture.app, person: try await fixture.app.subscriber("enterprise"))
            let third = TrainingFixture(app: fixture.app, person: try await fixture.app.subscriber("enterprise"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await fixture.app.app.runner.run() }
                for (organisation, name) in [(fixture, "a"), (second, "b")] {
                    try await organisation.prepare(name)
                    try await fixture.require(200, await organisation.post("generate-datasets/\(name)"))
                }
                try await third.prepare("c")
                fixture.app.clock.advance(by: .seconds(1))
                let endless: JSONValue = [
                    "model_parameters": ["MODE": "Dense", "LAY": 3, "N": 512, "EP": 2_000],
                    "training_split": Samples.withoutValidation,
                ]
                for (organisation, name) in [(fixture, "a"), (second, "b")] {
                    try await fixture.require(202, await organisation.post("train-models/\(name)", endless))
                    await organisation.wait(for: "running", of: name)
                }

                try await fixture.require(200, await third.post("generate-datasets/c"))
                fixture.app.clock.advance(by: .seconds(1))
                try await fixture.require(
                    202, await third.post("train-models/c", ["model_parameters": Samples.linear]))
                await third.wait(for: "completed", of: "c")
                fixture.app.clock.advance(by: .seconds(1))
                try await fixture.require(202, await third.post("train-models/c", endless))
                #expect(await third.status("c") == "queued")
                #expect(await fixture.status("a") == "running")
                #expect(await second.status("b") == "running")
                #expect(await third.level("processing") == [1, 0])
                #expect(await third.level("training_runs") == [1, 1])

                for (organisation, name) in [(third, "c"), (fixture, "a"), (second, "b")] {
                    #expect(await organisation.post("cancellation/\(name)").status == 200)
                    await organisation.wait(for: "cancelled", of: name)
                }
                #expect(await third.level("training_runs") == [1, 0])
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }
}

extension TrainingFixture {
    fileprivate func status(_ session: String) async -> String? {
        await get("status/\(session)")["status"]?.string
    }

    /// Returns when the latest run of a session has a status; a test that uses it has a time limit.
    fileprivate func wait(for status: String, of session: String) async {
        while await self.status(session) != status { try? await Task.sleep(for: .milliseconds(5)) }
    }
}
