import Base
import Foundation
import NIOCore
import Testing
import Web

/// Decoding and validation of JSON bodies.
@Suite struct BodyTests {
    private enum Colour: String, Codable, CaseIterable, Sendable { case red, green }

    private struct Part: Payload {
        var name: String
        var size: Int

        static let rules: [String: Rule] = ["size": .range(0...9)]
    }

    private struct Order: Payload {
        var name: String
        var count: Int
        var price: Double?
        var colour: Colour?
        var isUrgent: Bool?
        var parts: [Part]?
        var labels: [String: String]?
        var due: Instant?
        var customer: ID<Part>?
        var free: JSONValue?

        static let rules: [String: Rule] = [
            "name": .length(1...5), "price": .numbers(0...100), "parts": .items(upTo: 3), "labels": .length(0...5),
        ]
    }

    private let tally = Tally()
    private let fixture: WebFixture

    init() {
        let tally = tally
        fixture = WebFixture([
            .post("orders", "Order", requires: .public) { (order: Order, _) in
                tally.note(order.name)
                return order
            }
        ])
    }

    @Test func `a valid body is decoded unchanged`() async {
        let text = #"""
            {"name":"é","count":5.0,"price":1e1,"colour":"green","is_urgent":true,"parts":[{"name":"p","size":9}],\#
            "labels":{"someKey":"v","some_key":"w"},
             "due":"2026-01-31T12:00:00.25Z",\#
            "customer":"0194C0DE-1234-7abc-89ab-0123456789ab","free":{"camelCase":[1,null,{"snake_case":1.5}]}}
            """#
        let response = await fixture.post("/orders", text)
        #expect(response.status == 200)
        #expect(
            response.json == [
                "name": "é", "count": 5, "price": 10, "colour": "green", "is_urgent": true,
                "parts": [["name": "p", "size": 9]],
                "labels": ["someKey": "v", "some_key": "w"], "due": "2026-01-31T12:00:00.250000Z",
                "customer": "0194c0de-1234-7abc-89ab-0123456789ab",
                "free": ["camelCase": [1, .null, ["snake_case": 1.5]]],
            ]
        )
        #expect(tally.all == ["é"])
    }

    @Test func `null equals an absent member`() async {
        let response = await fixture.post(
            "/orders", #"{"name":"a","count":1,"price":null,"parts":null,"free":null,"colour":null}"#)
        #expect(response.status == 200)
        #expect(response.json == ["name": "a", "count": 1])
    }

    @Test func `all faults are reported at once, each with its pointer`() async {
        let text = #"""
            {"name":"too long","count":1.5,"price":101,"colour":"blue","is_urgent":"yes",\#
            "parts":[{"name":1,"size":10},{"size":1,"x/y":1,"~":2}],\#
            "labels":[],
             "due":"tomorrow","customer":"me","what":1,"isUrgent":true}
            """#
        let response = await fixture.post("/orders", text)
        #expect(response.status == 422)
        #expect(response.code == "validation-failed")
        #expect(
            response.faults == [
                "/name": "must have at most 5 characters", "/count": "must be a whole number",
                "/price": "must be at most 100.0",
                "/colour": "must be one of: red, green",
                "/is_urgent": "must be true or false", "/parts/0/name": "must be a string",
                "/parts/0/size": "must be at most 9",
                "/parts/1/name": "is required",
                "/parts/1/x~1y": "is not a known field", "/parts/1/~0": "is not a known field",
                "/labels": "must be an object",
                "/due": "must be an ISO 8601 time in UTC, such as 2026-03-01T09:30:00Z", "/customer": "must be a UUID",
                "/what": "is not a known field",
                "/isUrgent": "is not a known field",
            ]
        )
        #expect(tally.all.isEmpty)
    }

    @Test(arguments: [
        ("{}", ["/name": "is required", "/count": "is required"]), ("[]", ["": "must be an object"]),
        ("null", ["": "must be an object"]),
        ("7", ["": "must be an object"]),
        (#"{"name":"","count":1}"#, ["/name": "must not be empty"]),
        (#"{"name":"a\u0000","count":1}"#, ["/name": "must not contain a NUL character"]),
        (#"{"name":"a","count":9223372036854775808}"#, ["/count": "must be a whole number"]),
        (#"{"name":"a","count":1e400}"#, [:]),
        (#"{"name":"a","count":123456789012345678901234567890}"#, ["/count": "must be a whole number"]),
        (#"{"name":"a","count":true}"#, ["/count": "must be a whole number"]),
        (#"{"name":null,"count":1}"#, ["/name": "must be a string"]),
        (#"{"name":"a","count":1,"parts":[{},{},{},{}]}"#, ["/parts": "must have at most 3 items"]),
        (#"{"name":"a","count":1,"labels":{"a/b":1}}"#, ["/labels/a~1b": "must be a string"]),
        (#"{"name":"a","count":1,"price":-0.1}"#, ["/price": "must be at least 0.0"]),
    ])
    func `an invalid body is 422, malformed JSON is 400`(_ text: String, _ faults: [String: String])
        async
    {
        let response = await fixture.post("/orders", text)
        #expect(response.status == (faults.isEmpty ? 400 : 422))
        #expect(response.faults == faults)
        #expect(tally.all.isEmpty)
    }

    @Test func `lengths count Unicode scalars, not bytes`() async {
        #expect(await fixture.post("/orders", #"{"name":"🂡🂡🂡🂡🂡","count":-9223372036854775808}"#).status == 200)
    }

    @Test(arguments: [
        "", " ", "{", "{\"name\":\"a\",\"count\":1}}", "{'name':'a'}", "{\"name\":\"a\",\"count\":1,}",
        "{\"name\":\"a\",\"count\":01}", "name=a&count=1",
        "<xml/>", "\u{0}",
        #"{"name":"a","name":"b","count":1}"#, #"{"name":"\ud800","count":1}"#, "{\"name\":\"a\",\"count\":NaN}",
    ])
    func `malformed JSON is 400`(_ text: String) async {
        let response = await fixture.post("/orders", text)
        #expect(response.status == 400)
        #expect(response.code == "invalid-payload")
        #expect(tally.all.isEmpty)
    }

    @Test func `invalid UTF-8 is 400`() async {
        for bytes in [[0xFF, 0xFE, 0x7B, 0x00, 0x7D, 0x00], [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D]] as [[UInt8]] {
            #expect(await fixture.call("POST", "/orders", body: RequestBody(bytes: bytes)).status == 400)
        }
    }

    /// With quadratic time, either body would take hours.
    @Test(.timeLimit(.minutes(1))) func `deep and wide bodies take linear time`() async throws {
        for text in [
            String(repeating: "[", count: 500) + String(repeating: "]", count: 500),
            String(repeating: "{\"a\":", count: 500) + "1" + String(repeating: "}", count: 500),
        ] {
            let response = await fixture.post("/orders", text)
            #expect(response.status == 400)
            #expect(response["detail"]?.string?.contains("nested") == true)
        }
        let wide =
            "{\"name\":\"a\",\"count\":1,\"free\":" + String(repeating: "[", count: 60)
            + Array(repeating: "\"\"", count: 200_000).joined(separator: ",")
            + String(repeating: "]", count: 60) + "}"
        #expect(await fixture.post("/orders", wide).status == 200)
    }

    @Test func `a response reports at most fifty faults`() async {
        let fields = (0..<200).map { "\"f\($0)\":1" }.joined(separator: ",")
        let response = await fixture.post("/orders", "{\(fields)}")
        #expect(response.status == 422)
        #expect(response["errors"]?.array?.count == 50)
        let parts = (0..<3).map { _ in "{\((0..<100).map { "\"f\($0)\":1" }.joined(separator: ","))}" }.joined(
            separator: ",")
        let nested = await fixture.post("/orders", "{\"name\":\"a\",\"count\":1,\"parts\":[\(parts)]}")
        #expect(nested["errors"]?.array?.count == 50)
    }

    @Test(arguments: [
        "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp",
        "json", "text/json", "",
    ])
    func `another media type is 415, and the detail names the accepted one`(_ contentType: String) async {
        let response = await fixture.post("/orders", #"{"name":"a","count":1}"#, contentType: contentType)
        #expect(response.status == 415)
        #expect(response.code == "unsupported-media-type")
        #expect(response["detail"] == "Send application/json.")
    }

    @Test(arguments: [
        "application/json", "APPLICATION/JSON", "application/json; charset=utf-8", "application/json ;charset=utf-8",
        "application/merge-patch+json", nil,
    ])
    func `JSON media types are accepted under several names`(_ contentType: String?) async {
        #expect(await fixture.post("/orders", #"{"name":"a","count":1}"#, contentType: contentType).status == 200)
    }

    @Test func `more than one mebibyte is 413, with and without Content-Length`() async {
        let large = [UInt8](repeating: 0x20, count: Route.maximumBody + 1)
        let announced = await fixture.call("POST", "/orders", body: RequestBody(bytes: large))
        #expect(announced.status == 413)
        #expect(announced.code == "payload-too-large")
        #expect(announced["limit"] == .integer(Int64(Route.maximumBody)))
        let (stream, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
        for _ in 0..<40 { continuation.yield(ByteBuffer(bytes: [UInt8](repeating: 0x20, count: 32_768))) }
        continuation.finish()
        let streamed = await fixture.call("POST", "/orders", body: RequestBody(stream, announcedSize: nil))
        #expect(streamed.status == 413)
        let fitting = Array(#"{"name":"a","count":1}"#.utf8) + [UInt8](repeating: 0x20, count: Route.maximumBody - 22)
        #expect(fitting.count == Route.maximumBody)
        #expect(await fixture.call("POST", "/orders", body: RequestBody(bytes: fitting)).status == 200)
    }

    @Test func `a truncated body is 400`() async {
        struct Truncated: Error {}
        let stream = AsyncThrowingStream<ByteBuffer, any Error> { continuation in
            continuation.yield(ByteBuffer(string: "{\"name\":"))
            continuation.finish(throwing: Truncated())
        }
        let response = await fixture.call("POST", "/orders", body: RequestBody(stream, announcedSize: 100))
        #expect(response.status == 400)
        #expect(response.code == "invalid-payload")
        #expect(response["detail"] == "The body ended before it was complete.")
    }

    @Test func `a body in chunks is joined`() async {
        let (stream, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
        for byte in #"{"name":"é","count":1}"#.utf8 { continuation.yield(ByteBuffer(bytes: [byte])) }
        continuation.finish()
        #expect(await fixture.call("POST", "/orders", body: RequestBody(stream, announcedSize: nil)).status == 200)
        #expect(tally.all == ["é"])
    }
}
