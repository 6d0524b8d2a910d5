import Base
import Foundation
import Identity
import Modules
import NIOCore
import Synchronization
import TestKit
import Testing

/// Files that are no series: each is refused as the client's fault, nothing half written, no quota lost.
@Suite struct UnusableFileTests {
    struct Sample: Sendable, CustomTestStringConvertible {
        let name: String
        let bytes: [UInt8]
        let reason: String
        var testDescription: String { name }
    }

    private static func text(_ name: String, _ text: String, _ reason: String) -> Sample {
        Sample(name: name, bytes: Array(text.utf8), reason: reason)
    }

    static let samples = [
        text("empty", "", "empty"),
        text("blank", "\n\n  \n", "empty"),
        text("a header alone", "UTC;value\n", "no-numbers"),
        text("no numbers", "UTC;value\n2026-01-01 00:00:00;warm\n2026-01-01 01:00:00;cold\n", "no-numbers"),
        text("no times", "a;b\n1;2\n3;4\n5;6\n", "no-time-column"),
        text("one row", "UTC;value\n2026-01-01 00:00:00;1\n", "single-row"),
        text("one time twice", "UTC;value\n2026-01-01 00:00:00;1\n2026-01-01 00:00:00;2\n", "single-row"),
        text("prose", "It was a bright cold day in April,\nand the clocks were striking thirteen.\n", "no-numbers"),
        text(
            "a NUL", "UTC;value\n2026-01-01 00:00:00;1\n2026-01-01 01:00:00;\u{0}2\n2026-01-01 02:00:00;3\n", "not-text"
        ),
        Sample(
            name: "a picture",
            bytes: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13]
                + (0..<2_000).map { UInt8(truncatingIfNeeded: $0 &* 37) },
            reason: "not-text"),
        Sample(
            name: "a zip archive",
            bytes: Array("PK".utf8) + [3, 4, 20, 0, 0, 0] + (0..<2_000).map { UInt8(truncatingIfNeeded: $0 &* 91) },
            reason: "not-text"),
        text(
            "a thousand columns",
            (0..<30).map { "2026-01-01 \($0 < 10 ? "0" : "")\($0 % 24):00:00" + String(repeating: ";1", count: 1_000) }
                .joined(separator: "\n"),
            "too-many-columns"),
        text("a line without an end", "2026-01-01 00:00:00" + String(repeating: "1", count: 800_000), "line-too-long"),
    ]

    @Test(arguments: Engine.available)
    func `each is refused with its reason, and leaves nothing`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: nil)
            for sample in Self.samples {
                let refused = await customer.upload(sample.bytes)
                #expect(
                    refused.status == 422 && refused.code == "unusable-file"
                        && refused["reason"]?.string == sample.reason, "\(sample.name): \(refused)")
                // The same in two chunks: the last one is answered so, and the upload is over.
                let half = sample.bytes.count / 2
                #expect(await customer.chunk(0, of: 2, Array(sample.bytes[..<half])).status == 200, "\(sample.name)")
                #expect(
                    await customer.chunk(1, of: 2, Array(sample.bytes[half...]))["reason"]?.string == sample.reason,
                    "\(sample.name)")
                #expect(customer.filesOnDisk() == [], "\(sample.name)")
            }
            #expect(try await customer.count("training_uploads") == 0)
            #expect(try await customer.count("training_files") == 0)
            #expect(await customer.level("uploads") == [0, 0])
            #expect(await customer.storage() == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `columns and zones that are not there are refused`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: nil)
            #expect(
                await customer.upload(Samples.hourly(20), settings: ["valueColumn": "pressure"])["reason"]?.string
                    == "unknown-column")
            #expect(
                await customer.upload(Samples.hourly(20), settings: ["timeColumn": "value", "valueColumn": "value"])
                    .status == 422)
            #expect(
                await customer.upload(Samples.hourly(20), settings: ["zeitzone": "Mars/Olympus"])["reason"]?.string
                    == "unknown-time-zone")
            #expect(
                await customer.upload(Samples.hourly(20), settings: ["zeitzone": "../../etc/passwd"])["reason"]?.string
                    == "unknown-time-zone")
            #expect(customer.filesOnDisk() == [])
            #expect(await customer.level("uploads") == [0, 0])
        }
    }

    @Test func `numbers beyond all bounds do not break the answer`() async throws {
        try await withCustomer(.sqlite, plan: "free") { customer in
            try await customer.prepare(series: nil)
            let bytes = Array(
                "UTC;value\n2026-01-01 00:00:00;1e308\n2026-01-01 01:00:00;-1e308\n2026-01-01 02:00:00;1e999\n2026-01-01 03:00:00;nan\n2026-01-01 04:00:00;inf\n"
                    .utf8)
            let response = await customer.upload(bytes)
            #expect(response.status == 201 || response.status == 422, "\(response)")
            #expect(await customer.get("csv-files/s").status == 200)
        }
    }

    @Test func `what the form says of the file is held against its bounds`() async throws {
        try await withCustomer(.sqlite, plan: "free") { customer in
            try await customer.prepare(series: nil)
            let long = String(repeating: "x", count: 256)
            let base: [String: JSONValue] = ["sessionId": "s", "fileName": "a.csv", "chunkIndex": 0, "totalChunks": 2]
            let cases: [([String: JSONValue], String)] = [
                (["sessionId": .null], "/metadata/sessionId"), (["sessionId": "a\u{0}b"], "/metadata/sessionId"),
                (["sessionId": .string(long)], "/metadata/sessionId"),
                (["sessionId": 7], "/metadata/sessionId"), (["fileName": ""], "/metadata/fileName"),
                (["fileName": .string(long)], "/metadata/fileName"),
                (["fileName": "a\nb"], "/metadata/fileName"), (["fileName": "a\u{0}b"], "/metadata/fileName"),
                (["chunkIndex": -1], "/metadata/chunkIndex"),
                (["chunkIndex": 2], "/metadata/chunkIndex"), (["chunkIndex": 0.5], "/metadata/chunkIndex"),
                (["totalChunks": 0], "/metadata/totalChunks"),
                (["totalChunks": 10_001], "/metadata/totalChunks"), (["totalChunks": .null], "/metadata/totalChunks"),
                (["type": "both"], "/metadata/type"),
                (["bezeichnung": .string(long)], "/metadata/bezeichnung"),
                (["bezeichnung": "a\u{0}b"], "/metadata/bezeichnung"),
                (["zeithorizontStart": 1e9], "/metadata/zeithorizontStart"),
                (["skalierung": "vielleicht"], "/metadata/skalierung"),
                (["zeithorizontStart": 2, "zeithorizontEnd": 1], "/zeithorizontEnd"),
                (
                    ["additionalData": ["fileMetadata": ["zeithorizontEnd": "morgen"]]],
                    "/metadata/additionalData/fileMetadata/zeithorizontEnd"
                ),
                (["additionalData": ["fileMetadata": "none"]], "/metadata/additionalData/fileMetadata"),
            ]
            for (change, pointer) in cases {
                let refused = await customer.send(
                    "upload-chunk", Samples.hourly(10),
                    base.merging(change) { $1 }.filter { $0.value != .null || $0.key == "sessionId" })
                #expect(refused.status == 422 && refused.pointers == [pointer], "\(change) \(refused)")
            }
            #expect(customer.filesOnDisk() == [])
            #expect(try await customer.count("training_uploads") == 0)
            let odd: [(contentType: String, bytes: [UInt8])] = [
                multipart([("metadata", "no JSON")], file: ("chunk", "a", [65])),
                multipart([("metadata", "[1]")], file: ("chunk", "a", [65])),
                multipart([("metadata", "")], file: ("chunk", "a", [65])),
            ]
            for form in odd {
                let refused = await customer.app.call(
                    "POST", "/v1/training/upload-chunk", body: form, token: customer.person.token)
                #expect(refused.status == 400 && refused.code == "invalid-payload", "\(refused)")
            }
            let lacking = [
                multipart([], file: ("chunk", "a", [65])),
                multipart(
                    [("metadata", "{\"sessionId\":\"s\",\"fileName\":\"a\",\"chunkIndex\":0,\"totalChunks\":1}")],
                    file: nil),
            ]
            for form in lacking {
                #expect(
                    await customer.app.call(
                        "POST", "/v1/training/upload-chunk", body: form, token: customer.person.token
                    ).status == 422)
            }
            let wrong = await customer.app.call(
                "POST", "/v1/training/upload-chunk", body: ("text/csv", [65]), token: customer.person.token)
            #expect(wrong.status == 415)
            #expect(customer.filesOnDisk() == [])
            #expect(await customer.level("uploads") == [0, 0])
        }
    }

    @Test func `settings come at the top or beside the chunk, and what is not known is ignored`() async throws {
        try await withCustomer(.sqlite, plan: "free") { customer in
            try await customer.prepare(series: nil)
            let sent = await customer.send(
                "upload-chunk",
                Samples.hourly(30),
                [
                    "sessionId": "s", "fileName": "a.csv", "chunkIndex": 0, "totalChunks": 1, "fileSize": 4_711,
                    "bezeichnung": "top", "zeithorizontStart": -2,
                    "additionalData": [
                        "fileMetadata": ["type": "output", "bezeichnung": "nested", "colour": "blue"], "x": 1,
                    ],
                ]
            )
            #expect(sent["file"]?["type"]?.string == "output" && sent["file"]?["bezeichnung"]?.string == "nested")
            #expect(sent["file"]?["settings"]?["zeithorizontStart"]?.number == -2)
        }
    }

    // MARK: Bodies that do not end, or end too soon

    /// The beginning of a form whose file never seems to end.
    private static let opening = Array(
        """
        --b\r\nContent-Disposition: form-data; name="metadata"\r\n\r
        {"sessionId":"s","fileName":"a.csv","chunkIndex":0,"totalChunks":1}\r
        --b\r\nContent-Disposition: form-data; name="chunk"; filename="a.csv"\r\n\r\n
        """.utf8
    )

    /// Pieces that are made when they are asked for.
    private struct Pieces: AsyncSequence, Sendable {
        let make: @Sendable (Int) throws -> [UInt8]?

        struct AsyncIterator: AsyncIteratorProtocol {
            let make: @Sendable (Int) throws -> [UInt8]?
            var index = 0

            mutating func next() async throws -> ByteBuffer? {
                defer { index += 1 }
                return try make(index).map { ByteBuffer(bytes: $0) }
            }
        }

        func makeAsyncIterator() -> AsyncIterator { AsyncIterator(make: make) }
    }

    @Test(arguments: Engine.available)
    func `a billion columns are not waited for`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: nil)
            let asked = Mutex(0)
            let columns = Array(repeating: Array("1;".utf8), count: 32_768).flatMap(\.self)
            // 32 Ki columns a piece: a billion are more than thirty thousand pieces, of which the plan's 10 MB are 160.
            let body = RequestBody(
                Pieces { index in
                    asked.withLock { $0 += 1 }
                    return index == 0 ? Self.opening : index < 31_000 ? columns : nil
                },
                announcedSize: nil
            )
            let refused = await customer.app.stream(
                "POST", "/v1/training/upload-chunk", contentType: "multipart/form-data; boundary=b", body: body,
                token: customer.person.token
            )
            #expect(refused.status == 413 && refused.code == "payload-too-large")
            #expect(asked.withLock { $0 } < 170)
            // One that says so beforehand is not read at all.
            let announced = RequestBody(Pieces { _ in columns }, announcedSize: 2_000_000_000)
            let early = await customer.app.stream(
                "POST", "/v1/training/upload-chunk", contentType: "multipart/form-data; boundary=b", body: announced,
                token: customer.person.token
            )
            #expect(early.status == 413)
            #expect(customer.filesOnDisk() == [])
            #expect(await customer.level("uploads") == [0, 0])
        }
    }

    private struct Broken: Error {}

    @Test(arguments: Engine.available)
    func `a body cut in the middle of a chunk leaves nothing`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: nil)
            let content = Samples.hourly(500)
            for isBroken in [false, true] {
                for pieces in [0, 1, 2] {
                    let body = RequestBody(
                        Pieces { index in
                            if index == 0 { return Self.opening }
                            if index <= pieces { return Array(content[((index - 1) * 1_000)..<(index * 1_000)]) }
                            if isBroken { throw Broken() }
                            return nil
                        },
                        announcedSize: 20_000
                    )
                    let refused = await customer.app.stream(
                        "POST", "/v1/training/upload-chunk", contentType: "multipart/form-data; boundary=b", body: body,
                        token: customer.person.token
                    )
                    #expect(refused.status == 400 && refused.code == "invalid-payload", "\(refused)")
                    #expect(customer.filesOnDisk() == [])
                }
            }
            #expect(try await customer.count("training_uploads") == 0)
            // The upload is sent again and goes through.
            #expect(await customer.chunk(0, of: 1, content)["file"] != nil)
            #expect(await customer.level("uploads") == [1, 0])
        }
    }
}
