import App
import Base
import Identity
import Modules
import Realtime
import TestKit
import Testing

/// The representations of a topic.
@Suite struct ViewTests {
    @Test(arguments: Engine.available)
    func `a page has messages in one form, and waits for the first`(engine: Engine) async throws {
        try await withRealtime(engine) { fixture in
            try await fixture.append("one")
            let time = fixture.test.clock.now
            let page = await fixture.get("notes.a?after=0")
            let message =
                #"{"topic":"notes.a","seq":1,"type":"note","time":"\#(time)","data":{"text":"one"}}"#
            #expect(page.text == #"{"topic":"notes.a","messages":[\#(message)],"next":1}"#)
            #expect(page.headers["content-type"] == "application/json; charset=utf-8")
            // Without a position the page begins with the messages to come.
            #expect(await fixture.get("notes.a").text == #"{"topic":"notes.a","messages":[],"next":1}"#)
            async let waiting = fixture.get("notes.a?after=1&wait=30")
            try await fixture.append("two")
            #expect(await waiting["messages"]?[0]?["data"]?["text"]?.string == "two")
        }
    }

    @Test(arguments: Engine.available)
    func `server-sent events have the number as id, and resume behind Last-Event-ID`(engine: Engine) async throws {
        try await withRealtime(engine) { fixture in
            try await fixture.append("one", "two")
            // The header wins: a browser repeats the query when it connects again.
            let stream = try await fixture.stream(
                "notes.a?after=0", accept: "text/event-stream", headers: ["Last-Event-ID": "1"])
            #expect(stream.mediaType == "text/event-stream; charset=utf-8")
            #expect(try await stream.chunk() == "retry: 1000\n\n")
            let time = fixture.test.clock.now
            #expect(
                try await stream.chunk() == """
                    id: 2
                    data: {"topic":"notes.a","seq":2,"type":"note","time":"\(time)","data":{"text":"two"}}


                    """)
            try await fixture.append("three")
            #expect(try await stream.chunk()?.hasPrefix("id: 3\ndata: {") == true)
        }
    }

    @Test(arguments: Engine.available)
    func `NDJSON has one message a line`(engine: Engine) async throws {
        try await withRealtime(engine) { fixture in
            try await fixture.append("line\nbreak", "\"quoted\"")
            let stream = try await fixture.stream("notes.a?after=0", accept: "application/x-ndjson")
            #expect(stream.mediaType == "application/x-ndjson; charset=utf-8")
            let lines = try #require(try await stream.chunk()).split(separator: "\n")
            let values = try lines.map { try JSONValue(parsing: Array($0.utf8)) }
            #expect(values.map { $0["data"]?["text"]?.string } == ["line\nbreak", "\"quoted\""])
        }
    }

    @Test(arguments: Engine.available)
    func `what cannot be read is answered 404, a position ahead 422`(engine: Engine) async throws {
        try await withRealtime(engine) { fixture in
            try await fixture.append("one")
            for name in ["notes.secret", "nothing.a", "notes", "notes.%20", "training.\(fixture.person.organisation)"] {
                #expect(await fixture.get(name).status == 404)
            }
            #expect(await fixture.get("notes.a", token: "").status == 401)
            for query in ["after=2", "after=-1", "after=x", "after=9223372036854775808", "wait=31", "wait=-1"] {
                #expect(await fixture.get("notes.a?\(query)").status == 422, "\(query)")
            }
            let ahead = await fixture.get("notes.a", headers: ["Last-Event-ID": "7"])
            #expect(ahead["errors"]?[0]?["pointer"]?.string == "/header/Last-Event-ID")
            // Another organisation has a topic of the same name, which is its own.
            let other = try await fixture.test.register("other")
            #expect(await fixture.get("notes.a?after=1", token: other.token).status == 422)
            #expect(await fixture.get("notes.a", token: other.token)["next"]?.integer == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a ticket opens its topic once, for 30 seconds, while its session lasts`(engine: Engine) async throws {
        try await withRealtime(engine) { fixture in
            let (test, person) = (fixture.test, fixture.person)
            func ticket(_ topic: String = "notes.a") async -> TestResponse {
                await test.call(
                    "POST", "/v1/realtime/tickets", json: ["topic": .string(topic)], token: person.token)
            }
            @Sendable func open(_ ticket: String, _ topic: String = "notes.a") async -> Int {
                await test.call("GET", "/v1/realtime/topics/\(topic)?ticket=\(ticket)").status
            }
            let issued = await ticket()
            #expect(issued.status == 201)
            #expect(issued["expires_in"]?.integer == 30)
            let text = try #require(issued["ticket"]?.string)
            #expect(await open(text) == 200)
            #expect(await open(text) == 401)
            #expect(await ticket("notes.secret").status == 404)
            #expect(await ticket("nothing.a").status == 404)

            // Of requests at once one uses it.
            let shared = try #require(await ticket()["ticket"]?.string)
            let statuses = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<8 { group.addTask { await open(shared) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.filter { $0 == 200 }.count == 1 && statuses.filter { $0 == 401 }.count == 7)

            let elsewhere = try #require(await ticket()["ticket"]?.string)
            #expect(await open(elsewhere, "notes.b") == 401)
            let late = try #require(await ticket()["ticket"]?.string)
            test.clock.advance(by: .seconds(30))
            #expect(await open(late) == 401)
            let last = try #require(await ticket()["ticket"]?.string)
            #expect(await test.call("POST", "/v1/auth/logout", token: person.token).status < 300)
            #expect(await open(last) == 401)

            for secret in [text, shared, elsewhere, late, last] {
                #expect(!test.log.lines.contains { $0.contains(secret) })
                #expect(
                    try await test.app.database.read {
                        try $0.count("SELECT COUNT(*) AS count FROM realtime_tickets WHERE hash = \(secret)")
                    } == 0)
            }
            try await test.runJobs()
        }
    }
}
