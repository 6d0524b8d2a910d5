import App
import Base
import HTTPTypes
import Identity
import Modules
import NIOCore
import Realtime
import TestKit
import Testing

/// A system with a family of topics, `notes`, and a member who reads them.
struct RealtimeFixture: Sendable {
    let test: TestApp
    let person: TestPerson

    var realtime: RealtimeModule { test.app.realtime }

    /// Registers the families `notes`, of which `notes.secret` does not exist, and `few`, which keeps eight messages.
    init(_ test: TestApp) async throws {
        self.test = test
        person = try await test.register()
        Self.registerFamilies(test.app.realtime)
    }

    /// The same member at another node, where the families are registered.
    init(test: TestApp, person: TestPerson) {
        self.test = test
        self.person = person
    }

    static func registerFamilies(_ realtime: RealtimeModule) {
        realtime.topics.register(
            TopicFamily("notes", retention: TopicRetention(count: 100_000, age: .hours(1))) { name, _, _ in
                name.subject != "secret"
            })
        realtime.topics.register(TopicFamily("few", retention: TopicRetention(count: 8)) { _, _, _ in true })
    }

    func topic(_ name: String) throws -> Topic {
        Topic(try #require(TopicName(name)), of: ID(trusted: person.organisation))
    }

    /// Appends one message for each text, in one transaction.
    func append(_ texts: String..., to name: String = "notes.a") async throws { try await append(texts, to: name) }

    func append(_ texts: [String], to name: String = "notes.a") async throws {
        let topic = try topic(name)
        try await test.app.database.write { [realtime] transaction in
            try realtime.topics.append([(topic, texts.map { try .note($0) })], in: transaction)
        }
    }

    func get(_ path: String, headers: [String: String] = [:], token: String? = nil) async -> TestResponse {
        await test.call("GET", "/v1/realtime/topics/\(path)", token: token ?? person.token, headers: headers)
    }

    /// A subscription without a caller.
    func subscribe(_ name: String = "notes.a", after: Int64? = nil) async throws -> Subscription {
        try await realtime.subscriptions.open(admitted: topic(name), after: after)
    }

    /// A response that lasts.
    func stream(
        _ path: String, accept: String, headers: [String: String] = [:], through app: App? = nil
    ) async throws -> TestStream {
        var head = HTTPRequest(
            method: .get, scheme: "http", authority: "localhost", path: "/v1/realtime/topics/\(path)")
        head.headerFields[.accept] = accept
        head.headerFields[.authorization] = "Bearer \(person.token)"
        for (name, value) in headers { if let name = HTTPField.Name(name) { head.headerFields[name] = value } }
        let response = await (app ?? test.app).dispatcher.respond(to: head, body: .empty, address: "192.0.2.1")
        guard case .chunks(let begin) = response.body else { throw UnexpectedResponse(await TestResponse(response)) }
        return TestStream(mediaType: response.headers[.contentType] ?? "", begin: begin)
    }

    func requireInvariants() async throws { #expect(try await Invariants.faults(in: test.app.database) == []) }
}

func withRealtime(_ engine: Engine, _ body: (RealtimeFixture) async throws -> Void) async throws {
    try await withTestApp(engine) { try await body(RealtimeFixture($0)) }
}

/// The chunks of a response, read one after the other.
final class TestStream {
    let mediaType: String
    private let next: () async throws -> ByteBuffer?

    init(mediaType: String, begin: () -> () async throws -> ByteBuffer?) {
        self.mediaType = mediaType
        next = begin()
    }

    /// The next chunk; nil at the end.
    func chunk() async throws -> String? { try await next().map { String(buffer: $0) } }
}

struct Note: Payload {
    let text: String
}

extension NewMessage {
    static func note(_ text: String) throws -> NewMessage { try NewMessage("note", Note(text: text)) }
}

extension Delivery {
    var value: JSONValue { (try? JSONValue(parsing: Array(buffer: json))) ?? .null }
    /// The type of a notice, or the text of a note.
    var summary: String? { value["data"]?["text"]?.string ?? value["type"]?.string }
}

extension Subscription {
    /// The numbers of the next `count` messages, without notices.
    func numbers(_ count: Int) async throws -> [Int64] {
        var numbers: [Int64] = []
        while numbers.count < count, let deliveries = try await next(within: .seconds(20)), !deliveries.isEmpty {
            numbers += deliveries.compactMap(\.sequence)
        }
        return numbers
    }
}
