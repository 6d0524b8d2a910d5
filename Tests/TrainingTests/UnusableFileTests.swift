import Base
import Foundation
import Identity
import Modules
import NIOCore
import Synchronization
import TestKit
import Testing

/// Files that are not a time series: each is refused with a 4xx, leaves no files and costs no unit.
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
    func `every unusable file is refused with its reason and leaves no files`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            for sample in Self.samples {
                let refused = await fixture.upload(sample.bytes)
                #expect(
                    refused.status == 422 && refused.code == "unusable-file"
                        && refused["reason"]?.string == sample.reason, "\(sample.name): \(refused)")
                // The same in two chunks: the response to the last chunk refuses the file and ends the upload.
                let half = sample.bytes.count / 2
                #expect(await fixture.chunk(0, of: 2, Array(sample.bytes[..<half])).status == 200, "\(sample.name)")
                #expect(
                    await fixture.chunk(1, of: 2, Array(sample.bytes[half...]))["reason"]?.string == sample.reason,
                    "\(sample.name)")
                #expect(fixture.filesOnDisk() == [], "\(sample.name)")
            }
            #expect(try await fixture.count("training_uploads") == 0)
            #expect(try await fixture.count("training_files") == 0)
            #expect(await fixture.level("uploads") == [0, 0])
            #expect(await fixture.storage() == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `unknown columns and time zones are refused`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            #expect(
                await fixture.upload(Samples.hourly(20), settings: ["valueColumn": "pressure"])["reason"]?.string
                    == "unknown-column")
            #expect(
                await fixture.upload(Samples.hourly(20), settings: ["timeColumn": "value", "valueColumn": "value"])
                    .status == 422)
            #expect(
                await fixture.upload(Samples.hourly(20), settings: ["zeitzone": "Mars/Olympus"])["reason"]?.string
                    == "unknown-time-zone")
            #expect(
                await fixture.upload(Samples.hourly(20), settings: ["zeitzone": "../../etc/passwd"])["reason"]?.string
                    == "unknown-time-zone")
            // The first chunk is refused, not the last one.
            let first = await fixture.send(
                "upload-chunk", Samples.hourly(20),
                [
                    "sessionId": "s", "fileName": "a.csv", "chunkIndex": 0, "totalChunks": 2,
                    "additionalData": ["fileMetadata": ["zeitzone": "Mars/Olympus"]],
                ])
            #expect(
                first.status == 422 && first["reason"]?.string == "unknown-time-zone"
                    && first["settings"] == ["zeitzone"], "\(first)")
            #expect(try await fixture.count("training_uploads") == 0)
            #expect(fixture.filesOnDisk() == [])
            #expect(await fixture.level("uploads") == [0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `metadata that are ambiguous are refused like an ambiguous JSON body`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            try await fixture.prepare("other", series: nil)
            func metadata(_ session: String) -> String {
                #"{"sessionId":"\#(session)","fileName":"a.csv","type":"input"}"#
            }
            let twice = [
                [#"{"sessionId":"other","sessionId":"s","fileName":"a.csv","type":"input"}"#],
                [
                    #"{"sessionId":"s","fileName":"a","additionalData":{"fileMetadata":{"type":"a","type":"b"}}}"#
                ],
                [metadata("other"), metadata("s")],
            ]
            for path in ["instant-upload", "instant-upload?preview=true"] {
                for texts in twice {
                    let form = multipart(
                        texts.map { ("metadata", $0) }, file: ("chunk", "upload.csv", Samples.hourly(20)))
                    let refused = await fixture.app.call(
                        "POST", "/v1/training/\(path)", body: form, token: fixture.person.token)
                    #expect(refused.status == 400 && refused.code == "invalid-payload", "\(refused)")
                    #expect(refused["detail"]?.string?.contains("twice") == true, "\(refused)")
                }
            }
            #expect(fixture.filesOnDisk() == [])
            #expect(await fixture.level("uploads") == [0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `columns of one name have numbers`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let rows = (0..<48).map { "\(Samples.stamp($0));\($0 % 5);\(100 - $0 % 7)" }
            let bytes = Array((["UTC;temp;Temp"] + rows).joined(separator: "\n").utf8)
            func preview(_ settings: [String: JSONValue]) async -> TestResponse {
                await fixture.upload(bytes, settings: settings, path: "instant-upload?preview=true")
            }
            func values(_ response: TestResponse) -> [Double?] {
                response["file"]?["import"]?["firstRows"]?.array?.map { $0["value"]?.number } ?? []
            }
            let detected = await preview([:])
            #expect(detected["file"]?["import"]?["valueColumn"] == "column 2", "\(detected)")
            #expect(values(detected) == [0, 1, 2])
            let settings = detected["file"]?["import"]?["settings"]?.array ?? []
            #expect(settings.contains(["name": "valueColumn", "value": "column 2", "alternatives": ["column 3"]]))
            // The reported names are accepted as settings.
            for (number, expected) in [(2, [0, 1, 2]), (3, [100, 99, 98])] as [(Int, [Double?])] {
                let chosen = await preview(["valueColumn": .string("column \(number)")])
                #expect(chosen["file"]?["import"]?["valueColumn"] == .string("column \(number)"), "\(chosen)")
                #expect(values(chosen) == expected)
            }
            let refused = await preview(["valueColumn": "temp"])
            #expect(refused.status == 422 && refused["reason"] == "ambiguous-column", "\(refused)")
            #expect(refused["line"] == 1 && refused["settings"] == ["valueColumn"])
            #expect(refused["readings"] == ["column 2", "column 3"])
            let unknown = await preview(["valueColumn": "column 4"])
            #expect(unknown.status == 422 && unknown["reason"] == "unknown-column", "\(unknown)")

            let times = Array(
                ("UTC;utc;value\n"
                    + (0..<48).map {
                        "\(Samples.stamp($0));\(Samples.stamp($0 + 24));\($0 % 5)"
                    }.joined(separator: "\n")).utf8)
            let ambiguous = await fixture.upload(times, settings: ["timeColumn": "UTC"])
            #expect(ambiguous["reason"] == "ambiguous-column" && ambiguous["settings"] == ["timeColumn"])
            let second = await fixture.upload(times, settings: ["timeColumn": "column 2"])
            #expect(second.status == 201 && second["file"]?["utcMin"] == "2026-01-02T00:00:00Z", "\(second)")
            #expect(second["file"]?["import"]?["timeColumn"] == "column 2")
            #expect(await fixture.level("uploads") == [1, 0])
        }
    }

    @Test func `very large numbers give a valid response`() async throws {
        try await withTrainingFixture(.sqlite, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let bytes = Array(
                ("UTC;value\n2026-01-01 00:00:00;1e308\n2026-01-01 01:00:00;-1e308\n2026-01-01 02:00:00;1e999\n"
                    + "2026-01-01 03:00:00;nan\n2026-01-01 04:00:00;inf\n").utf8)
            let response = await fixture.upload(bytes)
            #expect(response.status == 201 || response.status == 422, "\(response)")
            #expect(await fixture.get("csv-files/s").status == 200)
        }
    }

    @Test func `the metadata are validated`() async throws {
        try await withTrainingFixture(.sqlite, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
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
                (["zeithorizontStart": 2, "zeithorizontEnd": 1], "/metadata/zeithorizontEnd"),
                (["colour": "blue"], "/metadata/colour"),
                (
                    ["additionalData": ["fileMetadata": ["zeithorizontEnd": "morgen"]]],
                    "/metadata/additionalData/fileMetadata/zeithorizontEnd"
                ),
                (["additionalData": ["fileMetadata": "none"]], "/metadata/additionalData/fileMetadata"),
            ]
            for (change, pointer) in cases {
                let refused = await fixture.send(
                    "upload-chunk", Samples.hourly(10),
                    base.merging(change) { $1 }.filter { $0.value != .null || $0.key == "sessionId" })
                #expect(refused.status == 422 && refused.pointers == [pointer], "\(change) \(refused)")
            }
            #expect(fixture.filesOnDisk() == [])
            #expect(try await fixture.count("training_uploads") == 0)
            let odd: [(contentType: String, bytes: [UInt8])] = [
                multipart([("metadata", "no JSON")], file: ("chunk", "a", [65])),
                multipart([("metadata", "[1]")], file: ("chunk", "a", [65])),
                multipart([("metadata", "")], file: ("chunk", "a", [65])),
            ]
            for form in odd {
                let refused = await fixture.app.call(
                    "POST", "/v1/training/upload-chunk", body: form, token: fixture.person.token)
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
                    await fixture.app.call(
                        "POST", "/v1/training/upload-chunk", body: form, token: fixture.person.token
                    ).status == 422)
            }
            let wrong = await fixture.app.call(
                "POST", "/v1/training/upload-chunk", body: ("text/csv", [65]), token: fixture.person.token)
            #expect(wrong.status == 415)
            #expect(fixture.filesOnDisk() == [])
            #expect(await fixture.level("uploads") == [0, 0])
        }
    }

    @Test func `settings are read from both places, the nested ones last`() async throws {
        try await withTrainingFixture(.sqlite, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let sent = await fixture.send(
                "upload-chunk",
                Samples.hourly(30),
                [
                    "sessionId": "s", "fileName": "a.csv", "chunkIndex": 0, "totalChunks": 1, "fileSize": 4_711,
                    "bezeichnung": "top", "zeithorizontStart": -2,
                    "additionalData": [
                        "fileMetadata": ["type": "output", "bezeichnung": "nested", "utcMin": "2010-01-01T00:00:00Z"]
                    ],
                ]
            )
            #expect(sent["file"]?["type"]?.string == "output" && sent["file"]?["bezeichnung"]?.string == "nested")
            #expect(sent["file"]?["settings"]?["zeithorizontStart"]?.number == -2)
        }
    }

    // MARK: Endless and truncated bodies

    /// The beginning of a form whose file has no end.
    private static let opening = Array(
        """
        --b\r\nContent-Disposition: form-data; name="metadata"\r\n\r
        {"sessionId":"s","fileName":"a.csv","chunkIndex":0,"totalChunks":1}\r
        --b\r\nContent-Disposition: form-data; name="chunk"; filename="a.csv"\r\n\r\n
        """.utf8
    )

    /// Chunks that are created when they are read.
    private struct Chunks: AsyncSequence, Sendable {
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
    func `a file with a billion columns is refused early`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let asked = Mutex(0)
            let columns = Array(repeating: Array("1;".utf8), count: 32_768).flatMap(\.self)
            // A chunk has 32 Ki columns: a billion are more than thirty thousand chunks, of which the plan's 10 MB are
            // 160.
            let body = RequestBody(
                Chunks { index in
                    asked.withLock { $0 += 1 }
                    return index == 0 ? Self.opening : index < 31_000 ? columns : nil
                },
                announcedSize: nil
            )
            let refused = await fixture.app.stream(
                "POST", "/v1/training/upload-chunk", contentType: "multipart/form-data; boundary=b", body: body,
                token: fixture.person.token
            )
            #expect(refused.status == 413 && refused.code == "payload-too-large")
            #expect(asked.withLock { $0 } < 170)
            // A body whose Content-Length is too large is not read.
            let announced = RequestBody(Chunks { _ in columns }, announcedSize: 2_000_000_000)
            let early = await fixture.app.stream(
                "POST", "/v1/training/upload-chunk", contentType: "multipart/form-data; boundary=b", body: announced,
                token: fixture.person.token
            )
            #expect(early.status == 413)
            #expect(fixture.filesOnDisk() == [])
            #expect(await fixture.level("uploads") == [0, 0])
        }
    }

    private struct Broken: Error {}

    @Test(arguments: Engine.available)
    func `a body truncated within a chunk leaves no files`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let content = Samples.hourly(500)
            for isBroken in [false, true] {
                for chunkCount in [0, 1, 2] {
                    let body = RequestBody(
                        Chunks { index in
                            if index == 0 { return Self.opening }
                            if index <= chunkCount { return Array(content[((index - 1) * 1_000)..<(index * 1_000)]) }
                            if isBroken { throw Broken() }
                            return nil
                        },
                        announcedSize: 20_000
                    )
                    let refused = await fixture.app.stream(
                        "POST", "/v1/training/upload-chunk", contentType: "multipart/form-data; boundary=b", body: body,
                        token: fixture.person.token
                    )
                    #expect(refused.status == 400 && refused.code == "invalid-payload", "\(refused)")
                    #expect(fixture.filesOnDisk() == [])
                }
            }
            #expect(try await fixture.count("training_uploads") == 0)
            // The repeated upload succeeds.
            #expect(await fixture.chunk(0, of: 1, content)["file"] != nil)
            #expect(await fixture.level("uploads") == [1, 0])
        }
    }
}
