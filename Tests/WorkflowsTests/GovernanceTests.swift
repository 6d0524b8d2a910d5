import App
import Base
import Modules
import TestKit
import Testing

/// The bound of tool calls, and the e-mail to the owner where no recovery helps.
@Suite struct GovernanceTests {
    @Test(arguments: Engine.available)
    func `the tool calls of an organisation beyond fifty a minute wait, and none is lost`(engine: Engine) async throws {
        try await withWorkflows(
            engine,
            change: {
                $0.limitsRates = true
                $0.accessTokenLifetime = .days(800)
            }
        ) { workflows in
            try await workflows.app.put(workflows.person, on: "enterprise")
            let other = try await workflows.app.subscriber("enterprise", "other")
            var paths: [String] = []
            for _ in 1...2 {
                let accepted = await workflows.submit(nodes: (1...30).map { Node.write("n\($0)", "\($0).txt", "x") })
                paths.append(try #require(accepted.headers["location"], "\(accepted)"))
            }
            func counts() async throws -> [Int64] {
                [
                    try await workflows.count("workflow_steps WHERE state = 'succeeded'"),
                    try await workflows.count(
                        "workflow_steps WHERE state = 'running' AND attempt = 1 AND failure IS NULL"),
                ]
            }
            for _ in 1...2 {
                try await workflows.app.runJobs()
                #expect(try await counts() == [50, 10])
            }
            // Another organisation has a rate of its own.
            let free = await workflows.submit(
                "Run it", ["goal_graph": ["nodes": [Node.write("n", "n.txt", "x")]]], as: other)
            try await workflows.app.runJobs()
            let path = try #require(free.headers["location"], "\(free)")
            #expect(await workflows.get(path, as: other)["status"] == "completed")

            // A unit comes every 1.2 seconds.
            workflows.app.clock.advance(by: .milliseconds(6_100))
            try await workflows.app.runJobs()
            #expect(try await counts() == [56, 5])
            workflows.app.clock.advance(by: .seconds(7))
            try await workflows.app.runJobs()
            #expect(try await counts() == [61, 0])
            for path in paths {
                let done = await workflows.get(path)
                #expect(done["status"] == "completed" && done["steps_completed"] == 30, "\(done)")
            }
            #expect(try await workflows.count("workflow_steps WHERE attempt <> 1") == 0)
            #expect(try await workflows.count("jobs WHERE kind = 'workflows.step' AND attempt > 1") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `the owner gets one e-mail when no recovery helps, whatever is interrupted`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withWorkflows(
            engine, databaseWrapper: faults.wrap, change: { $0.accessTokenLifetime = .days(800) }
        ) { workflows in
            let accepted = await workflows.submit(nodes: [
                Node.write("first", "a.txt", "1"), Node.read("second", "missing.txt", after: ["first"]),
            ])
            let path = try #require(accepted.headers["location"])
            let before = try await workflows.count("jobs WHERE kind = 'mail.deliver'")
            for _ in 1...5 {
                // Every run is interrupted once, at one statement after the other.
                for number in [1, 3, 8, 21] {
                    _ = try? await faults.failStatement(number) { try await workflows.app.runJobs() }
                }
                workflows.app.clock.advance(by: .minutes(1))
                try await workflows.app.runJobs()
            }
            let paused = await workflows.get(path)
            #expect(paused["status"] == "paused" && paused["pause_reason"] == "escalated", "\(paused)")
            for _ in 1...3 { try await workflows.app.runJobs() }
            #expect(try await workflows.count("jobs WHERE kind = 'mail.deliver'") == before + 1)

            func mails() async throws -> [ReceivedMail] {
                try await workflows.app.mail(to: workflows.person.email).filter { $0.subject.contains("is paused") }
            }
            let mail = try #require(try await mails().last)
            #expect(mail.text.contains("the step second") && mail.text.contains("missing.txt"), "\(mail.text)")
            #expect(mail.text.contains("\(path)/resume"), "\(mail.text)")

            // Resumed, it fails again, which is another pause. An hour after the last e-mail there is another one.
            let pauses: [(Duration, Int64)] = [(.zero, 1), (.minutes(49), 1), (.minutes(11), 2), (.zero, 2)]
            for (wait, mails) in pauses {
                workflows.app.clock.advance(by: wait)
                #expect(await workflows.post("\(path)/resume").status == 200)
                try await workflows.app.runJobs()
                #expect(await workflows.get(path)["pause_reason"] == "escalated")
                #expect(try await workflows.count("jobs WHERE kind = 'mail.deliver'") == before + mails)
            }
            // A clock that was ahead silences no e-mail after it is set back.
            let start = workflows.app.clock.now
            for (time, mails) in [(start + .hours(3), Int64(3)), (start, 4), (start, 4)] {
                workflows.app.clock.set(time)
                #expect(await workflows.post("\(path)/resume").status == 200)
                try await workflows.app.runJobs()
                #expect(await workflows.get(path)["pause_reason"] == "escalated")
                #expect(try await workflows.count("jobs WHERE kind = 'mail.deliver'") == before + mails)
            }
        }
    }
}
