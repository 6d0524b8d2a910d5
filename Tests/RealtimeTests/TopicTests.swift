import App
import Base
import Identity
import Modules
import Realtime
import Storage
import TestKit
import Testing

@Suite struct TopicTests {
    private struct Abort: Error {}

    @Test(arguments: Engine.available)
    func `messages are numbered without gaps, also behind a transaction that is rolled back`(engine: Engine)
        async throws
    {
        try await withRealtime(engine) { fixture in
            try await fixture.append("one", "two")
            let topic = try fixture.topic("notes.a")
            await #expect(throws: Problem.self) {
                try await fixture.test.app.database.write { [realtime = fixture.realtime] transaction in
                    try realtime.topics.append(try .note("lost"), to: topic, in: transaction)
                    throw Abort()
                }
            }
            try await fixture.append("three")
            let page = await fixture.get("notes.a?after=0")
            #expect(page["messages"]?.array?.map { $0["seq"]?.integer } == [1, 2, 3])
            #expect(page["messages"]?.array?.map { $0["data"]?["text"]?.string } == ["one", "two", "three"])
            #expect(page["next"]?.integer == 3)
            try await fixture.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `concurrent writers of several topics neither deadlock nor leave gaps`(engine: Engine) async throws {
        try await withRealtime(engine) { fixture in
            let names = ["notes.c", "notes.a", "notes.b"]
            let topics = try names.map(fixture.topic)
            let (writers, rounds) = (8, 10)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for writer in 0..<writers {
                    tasks.addTask {
                        for round in 0..<rounds {
                            // Each writer names the topics in an order of its own.
                            let rotated = Array(topics[(writer % 3)...] + topics[..<(writer % 3)])
                            try await fixture.test.app.database.write { [realtime = fixture.realtime] transaction in
                                try realtime.topics.append(
                                    rotated.map { ($0, [try .note("\(writer)/\(round)")]) }, in: transaction)
                            }
                        }
                    }
                }
                try await tasks.waitForAll()
            }
            for name in names {
                let numbers = try await fixture.subscribe(name, after: 0).numbers(writers * rounds)
                #expect(numbers == Array(1...Int64(writers * rounds)))
            }
            try await fixture.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `a reader behind the retention gets the number of messages that it missed`(engine: Engine) async throws {
        try await withRealtime(engine) { fixture in
            for number in 1...20 { try await fixture.append("\(number)", to: "few.a") }
            let page = await fixture.get("few.a?after=3")
            let first = try #require(page["messages"]?[0])
            #expect(first["type"]?.string == "gap")
            let next = try #require(first["next"]?.integer)
            #expect(first["missed"]?.integer == next - 4)
            #expect(page["messages"]?[1]?["seq"]?.integer == next)
            #expect(page["messages"]?.array?.count == Int(20 - next) + 2)
            #expect(next > 10)
            try await fixture.requireInvariants()

            // Messages that have all become too old.
            try await fixture.append("old", to: "notes.a")
            // Registers the schedule.
            try await fixture.test.runJobs()
            fixture.test.clock.advance(by: .hours(2))
            try await fixture.test.runJobs()
            let token = try #require(
                await fixture.test.call(
                    "POST", "/v1/auth/refresh", json: ["refresh_token": .string(fixture.person.refreshToken)])[
                        "access_token"]?.string)
            let old = await fixture.get("notes.a?after=0", token: token)
            #expect(old["messages"] == [["topic": "notes.a", "type": "gap", "missed": 1, "next": 2]])
            #expect(old["next"]?.integer == 1)
            #expect(await fixture.get("notes.a?after=2", token: token).status == 422)
        }
    }

    @Test(arguments: Engine.available)
    func `a topic that is removed disconnects its readers and begins anew`(engine: Engine) async throws {
        try await withRealtime(engine) { fixture in
            try await fixture.append("one")
            let subscription = try await fixture.subscribe(after: 0)
            #expect(try await subscription.numbers(1) == [1])
            let topic = try fixture.topic("notes.a")
            try await fixture.test.app.database.write { [realtime = fixture.realtime] in
                try realtime.topics.remove(topic, in: $0)
            }
            #expect(try await subscription.next() == nil)
            #expect(subscription.end == .topicRemoved)
            #expect(await fixture.get("notes.a?after=1").status == 422)
        }
    }

    @Test func `a message that is too large is refused`() throws {
        let text = String(repeating: "a", count: NewMessage.dataBytesMax - 11)
        #expect(throws: Never.self) { try NewMessage.note(text) }
        #expect(throws: Problem.self) { try NewMessage.note(text + "a") }
    }

    @Test(arguments: [
        ("notes.a", true), ("training.01976f3e-8a51-7cc2-9f57-0d6ae7f3b2aa", true), ("a-1.B_2.c", true),
        ("notes", false),
        (".a", false), ("notes.", false), ("Notes.a", false), ("notes.a b", false), ("notes.ä", false),
        ("notes." + String(repeating: "a", count: 123), false),
    ])
    func `names of topics have one form`(text: String, isName: Bool) {
        #expect((TopicName(text) != nil) == isName)
    }
}
