import App
import Base
import Foundation
import Identity
import Modules
import TestKit
import Testing

@testable import Training

@Suite struct UploadTests {
    private func split(_ bytes: [UInt8], _ count: Int) -> [[UInt8]] {
        let size = (bytes.count + count - 1) / count
        return (0..<count).map { Array(bytes[min($0 * size, bytes.count)..<min(($0 + 1) * size, bytes.count)]) }
    }

    private func requireOneFile(
        _ fixture: TrainingFixture, _ bytes: [UInt8], _ location: SourceLocation = #_sourceLocation
    ) async throws {
        let files = try #require(await fixture.get("csv-files/s")["files"]?.array, sourceLocation: location)
        #expect(files.count == 1 && files.first?["bytes"]?.integer == Int64(bytes.count), sourceLocation: location)
        #expect(await fixture.level("uploads") == [1, 0], sourceLocation: location)
        // The series takes 16 bytes for each sample.
        #expect(await fixture.storage() == fixture.seriesBytesOnDisk(), sourceLocation: location)
        #expect(fixture.seriesBytesOnDisk() > bytes.count, sourceLocation: location)
        let audited = try await fixture.audited("series-file.uploaded")
        #expect(audited == 1, sourceLocation: location)
        let onDisk = fixture.filesOnDisk()
        #expect(
            onDisk.count == 2 && onDisk.allSatisfy { $0.hasPrefix("training/") }, "\(onDisk)", sourceLocation: location)
        let source = try #require(onDisk.first { $0.hasSuffix(".csv") }, sourceLocation: location)
        #expect(try Data(contentsOf: fixture.root.appending(path: source)) == Data(bytes), sourceLocation: location)
        try await fixture.requireInvariants(location)
    }

    @Test(arguments: Engine.available)
    func `an upload whose sender is suspended while it arrives stores nothing`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let app = fixture.app, administrator = try await app.administrator()
            let metadata = #"{"sessionId":"s","fileName":"series.csv","type":"input"}"#
            let form = multipart([("metadata", metadata)], file: ("chunk", "upload.csv", Samples.hourly(300)))
            // The boundary after the last part is held back with it.
            let late = await app.hold(
                "POST", "/v1/training/instant-upload", body: form, token: fixture.person.token, last: 100)
            let path = "/v1/auth/users/\(fixture.person.id)"
            let suspended = await app.call("PATCH", path, json: ["is_active": false], token: administrator.token)
            #expect(suspended.status == 200, "\(suspended)")
            app.clock.advance(by: .seconds(1))
            let response = await late.finish()
            #expect(response.status == 401 && response.code == "token-expired", "\(response)")
            #expect(fixture.filesOnDisk() == [])
            #expect(try await fixture.audited("series-file.uploaded") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `a slow upload is stored where nothing has changed`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let bytes = Samples.hourly(300)
            let metadata = #"{"sessionId":"s","fileName":"series.csv","type":"input"}"#
            let form = multipart([("metadata", metadata)], file: ("chunk", "upload.csv", bytes))
            let late = await fixture.app.hold(
                "POST", "/v1/training/instant-upload", body: form, token: fixture.person.token, last: 100)
            fixture.app.clock.advance(by: .seconds(20))
            let response = await late.finish()
            #expect(response.status == 201, "\(response)")
            try await requireOneFile(fixture, bytes)
        }
    }

    @Test(arguments: Engine.available)
    func `chunks arrive in order, and the last one completes the file`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let bytes = Samples.hourly(300)
            let chunks = split(bytes, 3)
            let first = await fixture.chunk(0, of: 3, chunks[0])
            #expect(
                first.status == 200 && first["success"]?.bool == true && first["receivedChunks"]?.integer == 1
                    && first["file"] == nil)
            #expect(await fixture.level("uploads") == [0, 0])
            #expect(await fixture.chunk(1, of: 3, chunks[1])["receivedChunks"]?.integer == 2)
            let last = await fixture.chunk(2, of: 3, chunks[2])
            let file = try #require(last["file"])
            #expect(last["message"]?.string == "The file is complete" && last["totalChunks"]?.integer == 3)
            #expect(
                file["fileName"]?.string == "series.csv" && file["type"]?.string == "input"
                    && file["datenpunkte"]?.integer == 300)
            #expect(
                file["utcMin"]?.string == "2026-01-01T00:00:00Z" && file["zeitschrittweiteMean"]?.number == 60
                    && file["offset"]?.number == 0)
            #expect(file["numerischerAnteil"]?.number == 100 && file["import"]?["delimiter"]?.string == ";")
            try await requireOneFile(fixture, bytes)
        }
    }

    @Test(arguments: Engine.available)
    func `after the first, chunks arrive in any order and repeatedly`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let bytes = Samples.hourly(300)
            let chunks = split(bytes, 5)
            for index in [0, 3, 3, 1, 0, 4, 1] {
                #expect(await fixture.chunk(Int64(index), of: 5, chunks[index]).status == 200)
            }
            #expect(await fixture.level("uploads") == [0, 0])
            #expect(await fixture.chunk(2, of: 5, chunks[2])["file"]?["bytes"]?.integer == Int64(bytes.count))
            try await requireOneFile(fixture, bytes)
        }
    }

    @Test(arguments: Engine.available)
    func `a chunk before the first one is refused and leaves no files`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let refused = await fixture.chunk(1, of: 2, Array("x".utf8))
            #expect(refused.status == 409 && refused.code == "chunk-missing" && refused["next_chunk"]?.integer == 0)
            #expect(fixture.filesOnDisk() == [])
            #expect(try await fixture.count("training_uploads") == 0)
            #expect(await fixture.level("uploads") == [0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `another number of chunks is a conflict until chunk 0 restarts the upload`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let bytes = Samples.hourly(120)
            let (thirds, halves) = (split(bytes, 3), split(bytes, 2))
            for index in 0..<2 { _ = await fixture.chunk(Int64(index), of: 3, thirds[index]) }
            let refused = await fixture.chunk(1, of: 2, halves[1])
            #expect(refused.status == 409 && refused.code == "upload-conflict")
            #expect(await fixture.chunk(0, of: 2, halves[0])["receivedChunks"]?.integer == 1)
            // The earlier chunks are removed from disk.
            #expect(fixture.filesOnDisk().count == 1)
            #expect(await fixture.chunk(2, of: 3, thirds[2]).code == "upload-conflict")
            #expect(await fixture.chunk(1, of: 2, halves[1])["file"] != nil)
            try await requireOneFile(fixture, bytes)
        }
    }

    @Test(arguments: Engine.available)
    func `a repeated last chunk gets the file and is charged once`(engine: Engine)
        async throws
    {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let bytes = Samples.hourly(100)
            let chunks = split(bytes, 2)
            _ = await fixture.chunk(0, of: 2, chunks[0])
            let first = await fixture.chunk(1, of: 2, chunks[1])
            let again = await fixture.chunk(1, of: 2, chunks[1])
            #expect(
                again.status == 200 && again["message"]?.string == "The file is complete already"
                    && again["file"] == first["file"])
            try await requireOneFile(fixture, bytes)
            // A file of a single chunk, and a whole repeated upload.
            #expect(await fixture.chunk(0, of: 1, bytes)["file"]?["id"] == first["file"]?["id"])
            #expect(await fixture.upload(bytes)["file"]?["id"] == first["file"]?["id"])
            for index in 0..<2 { _ = await fixture.chunk(Int64(index), of: 2, chunks[index]) }
            try await requireOneFile(fixture, bytes)
        }
    }

    @Test(arguments: Engine.available)
    func `a repeated last chunk gets the file although the quota is spent`(engine: Engine)
        async throws
    {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            for number in 1...3 {
                try await fixture.require(201, await fixture.upload(Samples.hourly(20), "\(number).csv"))
            }
            let bytes = Samples.hourly(100)
            let chunks = split(bytes, 3)
            for index in 0..<2 { _ = await fixture.chunk(Int64(index), of: 3, chunks[index]) }
            let first = await fixture.chunk(2, of: 3, chunks[2])
            let whole = await fixture.upload(Samples.hourly(30), "whole.csv")
            #expect(await fixture.level("uploads") == [5, 0])

            let again = await fixture.chunk(2, of: 3, chunks[2])
            #expect(again.status == first.status && again["file"] == first["file"] && again["file"] != nil, "\(again)")
            #expect(again["receivedChunks"]?.integer == 3 && again["totalChunks"]?.integer == 3)
            let wholeAgain = await fixture.upload(Samples.hourly(30), "whole.csv")
            #expect(wholeAgain.status == 201 && wholeAgain["file"] == whole["file"], "\(wholeAgain)")
            // Any other upload is refused because of the quota, before its other errors.
            #expect(await fixture.chunk(0, of: 3, chunks[0]).code == "quota-exceeded")
            #expect(await fixture.chunk(2, of: 3, chunks[2], "other.csv").code == "quota-exceeded")
            #expect(await fixture.chunk(2, of: 3, chunks[2], to: "nowhere").code == "quota-exceeded")
            #expect(await fixture.upload(Samples.hourly(31), "whole.csv").code == "quota-exceeded")
            #expect(await fixture.send("upload-chunk", bytes, ["sessionId": "s"]).code == "quota-exceeded")
            #expect(await fixture.level("uploads") == [5, 0])
            #expect(fixture.filesOnDisk().count == 10)
            let explained = await fixture.app.call(
                "GET", "/v1/entitlements/explain?route=POST%20/v1/training/upload-chunk", token: fixture.person.token)
            #expect(explained["refusal"]?["code"] == "quota-exceeded", "\(explained)")
            // After the lifetime of the repeated response the request is refused.
            fixture.app.clock.advance(by: SeriesFile.repeatLifetime)
            #expect(await fixture.chunk(2, of: 3, chunks[2]).code == "quota-exceeded")
        }
    }

    @Test(arguments: Engine.available)
    func `concurrent last chunks create one file, charged once`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            let bytes = Samples.hourly(80)
            let chunks = split(bytes, 3)
            for round in 0..<6 {
                let session = "s\(round)"
                try await fixture.prepare(session, series: nil)
                _ = await fixture.chunk(0, of: 3, chunks[0], to: session)
                // Some rounds repeat the same chunk, others send the two missing chunks, others both.
                let indices = [[1, 2], [1, 2, 2], [1, 1, 2, 2]][round % 3]
                let responses = await withTaskGroup(of: TestResponse.self) { group in
                    for index in indices {
                        group.addTask { await fixture.chunk(Int64(index), of: 3, chunks[index], to: session) }
                    }
                    return await group.reduce(into: [TestResponse]()) { $0.append($1) }
                }
                #expect(responses.allSatisfy { $0.status == 200 }, "\(responses)")
                #expect(responses.contains { $0["file"] != nil }, "\(responses)")
                #expect(await fixture.get("csv-files/\(session)")["files"]?.array?.count == 1)
                #expect(await fixture.level("uploads") == [Int64(round) + 1, 0])
            }
            #expect(fixture.filesOnDisk().count == 12)
            #expect(try await fixture.count("training_uploads") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `concurrent uploads of the same file create one file, charged once`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepare(series: nil)
            let bytes = Samples.hourly(80)
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                for _ in 0..<6 { group.addTask { await fixture.upload(bytes) } }
                return await group.reduce(into: [TestResponse]()) { $0.append($1) }
            }
            #expect(responses.allSatisfy { $0.status == 201 }, "\(responses)")
            try await requireOneFile(fixture, bytes)
        }
    }

    @Test(arguments: Engine.available)
    func `other content under the same name is a conflict, and as an output it is another file`(engine: Engine)
        async throws
    {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let (bytes, others) = (Samples.hourly(100), Samples.hourly(101))
            #expect(await fixture.upload(bytes).status == 201)
            let refused = await fixture.upload(others)
            #expect(refused.status == 409 && refused.code == "upload-conflict")
            try await requireOneFile(fixture, bytes)
            #expect(await fixture.upload(others, kind: "output").status == 201)
            #expect(await fixture.get("csv-files/s?type=output")["files"]?.array?.count == 1)
            #expect(await fixture.get("csv-files/s?type=other").status == 422)
            #expect(await fixture.level("uploads") == [2, 0])
            #expect(await fixture.storage() == Int64(bytes.count + others.count + 16 * (100 + 101)))
        }
    }

    @Test(arguments: Engine.available)
    func `the sixth upload of a month is refused before its body is stored`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            for number in 1...5 { #expect(await fixture.upload(Samples.hourly(20), "\(number).csv").status == 201) }
            let refused = await fixture.upload(Samples.hourly(20), "6.csv")
            #expect(
                refused.status == 403 && refused["error"]?.string == "Upload limit reached"
                    && refused["plan"]?.string == "Free")
            #expect(
                refused["limit"]?.integer == 5 && refused["current_usage"]?.integer == 5
                    && refused["resets_at"]?.string == "2026-02-28T12:00:00Z")
            #expect(fixture.filesOnDisk().count == 10)
            // Deleting a file releases storage, not upload units.
            let id = try #require(await fixture.get("csv-files/s")["files"]?[0]?["id"]?.string)
            #expect(await fixture.delete("csv-files/\(id)").status == 200)
            #expect(await fixture.upload(Samples.hourly(20), "6.csv").status == 403)
            #expect(fixture.filesOnDisk().count == 8)
        }
    }

    @Test(arguments: Engine.available)
    func `of concurrent uploads one gets the last unit`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            for number in 1...4 { _ = await fixture.upload(Samples.hourly(20), "\(number).csv") }
            let statuses = await withTaskGroup(of: Int.self) { group in
                for number in 5...10 {
                    group.addTask { await fixture.upload(Samples.hourly(20), "\(number).csv").status }
                }
                return await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(statuses == [201: 1, 403: 5])
            #expect(await fixture.level("uploads") == [5, 0])
            #expect(fixture.filesOnDisk().count == 10)
            #expect(try await fixture.count("training_uploads") == 0)
        }
    }

    // MARK: Sizes

    /// A plan with small sizes, so that tests need no large files.
    private static let small =
        """
        plans:
          - id: free
            name: Small
            start: anyone
            limits: { uploads: 50, processing: 50 }
            file_mb: 1
            storage_mb: 2
        """

    /// A series slightly larger than `bytes`.
    private static func series(bytes: Int) -> [UInt8] {
        var text = "UTC;value;remark\n"
        var hour = 0
        while text.utf8.count <= bytes {
            text += "\(Samples.stamp(hour));\(hour % 5);\(String(repeating: "x", count: 4_000))\n"
            hour += 1
        }
        return Array(text.utf8)
    }

    @Test(arguments: Engine.available, ["instant-upload", "instant-upload?preview=true", "upload-chunk"])
    func `files on their way take space before they are counted`(engine: Engine, path: String) async throws {
        try await withTrainingFixture(engine, plan: "free", plans: Self.small) { fixture in
            try await fixture.prepare(series: nil)
            let bytes = Self.series(bytes: 900_000)
            func hold(_ name: String, _ person: TestPerson? = nil) async -> HeldRequest {
                let metadata =
                    #"{"sessionId":"s","fileName":"\#(name)","type":"input","chunkIndex":0,"totalChunks":1}"#
                let form = multipart([("metadata", metadata)], file: ("chunk", "upload.csv", bytes))
                return await fixture.app.hold(
                    "POST", "/v1/training/\(path)", body: form, token: (person ?? fixture.person).token, last: 100)
            }
            let first = await hold("a.csv"), second = await hold("b.csv")
            let third = await hold("c.csv")
            let refused = await third.finish()
            #expect(refused.status == 403 && refused.code == "storage-exceeded", "\(refused)")
            // What the two bodies leave, whose forms are slightly larger than their files.
            let available = try #require(refused["available"]?.integer)
            #expect((2 << 20) - Int64(2 * bytes.count) - available < 2_000, "\(refused)")
            #expect((2 << 20) - Int64(2 * bytes.count) - available > 0, "\(refused)")
            #expect(try #require(refused["required"]?.integer) > bytes.count)
            #expect(fixture.filesOnDisk().count == 2)
            #expect(await fixture.storage() == 0)

            // The space of another organisation is its own.
            let other = TrainingFixture(app: fixture.app, person: try await fixture.app.subscriber("free"))
            try await other.prepare(series: nil)
            let foreign = await hold("a.csv", other.person).finish()
            #expect((200...201).contains(foreign.status), "\(foreign)")

            for held in [first, second] {
                let response = await held.finish()
                #expect((200...201).contains(response.status) && response["file"] != nil, "\(response)")
            }
            let isPreview = path.hasSuffix("true")
            let counted = try #require(await fixture.storage())
            #expect(isPreview ? counted == 0 : counted > Int64(2 * bytes.count) && counted <= 2 << 20)
            #expect(await fixture.level("uploads") == [isPreview ? 0 : 2, 0])
            // A file of the plan's size is always received, and counted or refused once it has arrived.
            let last = await hold("d.csv").finish()
            #expect(isPreview ? last["file"] != nil : last.code == "storage-exceeded", "\(last)")
            if !isPreview {
                for id in await fixture.get("csv-files/s")["files"]?.array?.compactMap({ $0["id"]?.string }) ?? [] {
                    #expect(await fixture.delete("csv-files/\(id)").status == 200)
                }
            }
            // None is taken any more.
            for held in [await hold("e.csv"), await hold("f.csv")] {
                let response = await held.finish()
                #expect((200...201).contains(response.status), "\(response)")
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a body that is refused gives its space back`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free", plans: Self.small) { fixture in
            try await fixture.prepare(series: nil)
            let bytes = Self.series(bytes: 900_000)
            for session in ["nowhere", "nowhere", "nowhere", "s"] {
                let metadata = #"{"sessionId":"\#(session)","fileName":"a.csv","type":"input"}"#
                let form = multipart([("metadata", metadata)], file: ("file", "upload.csv", bytes))
                let held = await fixture.app.hold(
                    "POST", "/v1/training/instant-upload", body: form, token: fixture.person.token)
                #expect(await held.finish().status == (session == "s" ? 201 : 404))
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a file larger than the plan allows is refused and leaves no files`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free", plans: Self.small) { fixture in
            try await fixture.prepare(series: nil)
            let large = Self.series(bytes: 1 << 20)
            let refused = await fixture.upload(large)
            #expect(refused.status == 413 && refused.code == "payload-too-large")
            #expect(fixture.filesOnDisk() == [])
            // In chunks of allowed sizes, sequentially and concurrently.
            let chunks = split(large, 4)
            for index in 0..<3 { #expect(await fixture.chunk(Int64(index), of: 4, chunks[index]).status == 200) }
            let last = await fixture.chunk(3, of: 4, chunks[3])
            #expect(last.status == 413)
            #expect(fixture.filesOnDisk() == [])
            _ = await fixture.chunk(0, of: 4, chunks[0])
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                for index in 1..<4 { group.addTask { await fixture.chunk(Int64(index), of: 4, chunks[index]) } }
                return await group.reduce(into: [TestResponse]()) { $0.append($1) }
            }
            #expect(
                responses.contains { $0.status == 413 }
                    && responses.allSatisfy { $0["file"] == nil && $0.status < 500 }, "\(responses)")
            #expect(fixture.filesOnDisk() == [])
            #expect(try await fixture.count("training_uploads") == 0)
            #expect(await fixture.level("uploads") == [0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `files beyond the storage of the plan are refused, unfinished uploads included`(engine: Engine)
        async throws
    {
        try await withTrainingFixture(engine, plan: "free", plans: Self.small) { fixture in
            try await fixture.prepare(series: nil)
            let bytes = Self.series(bytes: 900 << 10)
            for name in ["a", "b"] { #expect(await fixture.upload(bytes, name).status == 201) }
            let refused = await fixture.upload(bytes, "c")
            #expect(
                refused.status == 403 && refused.code == "storage-exceeded"
                    && refused["error"]?.string == "Storage limit reached")
            #expect(
                refused["plan"]?.string == "Small" && refused["limit_mb"]?.number == 2
                    && (refused["current_usage_mb"]?.number ?? 0) > 1.75)
            #expect(fixture.filesOnDisk().count == 4)
            #expect(await fixture.level("uploads") == [2, 0])
            let id = try #require(await fixture.get("csv-files/s")["files"]?[0]?["id"]?.string)
            #expect(await fixture.delete("csv-files/\(id)").status == 200)
            #expect(try await fixture.audited("series-file.deleted") == 1)
            // The chunks of an unfinished upload count too.
            #expect(await fixture.chunk(0, of: 2, bytes, "c").status == 200)
            #expect(await fixture.upload(bytes, "d").code == "storage-exceeded")
            #expect(await fixture.chunk(0, of: 9, bytes, "e").code == "storage-exceeded")
            try await fixture.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `deleting a session deletes its unfinished uploads`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            _ = await fixture.chunk(0, of: 3, Array("x".utf8))
            _ = await fixture.chunk(0, of: 2, Array("y".utf8), "other.csv")
            #expect(fixture.filesOnDisk().count == 2)
            #expect(await fixture.post("session/s/delete").status == 200)
            #expect(fixture.filesOnDisk() == [])
        }
    }

    @Test(arguments: Engine.available)
    func `unfinished uploads and orphaned files are deleted after a day`(engine: Engine)
        async throws
    {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            _ = await fixture.chunk(0, of: 3, Array("x".utf8))
            let stray: ID<String> = Runtime(now: { fixture.app.clock.now }, randomBytes: Runtime.system.randomBytes)
                .id()
            try Data("half a chunk".utf8).write(to: fixture.root.appending(path: "uploads/\(stray)"))
            fixture.app.clock.advance(by: .hours(23))
            try await fixture.app.runJobs()
            #expect(fixture.filesOnDisk().count == 2)
            fixture.app.clock.advance(by: .hours(2))
            try await fixture.app.runJobs()
            #expect(fixture.filesOnDisk() == [])
            #expect(try await fixture.count("training_uploads") == 0)
            #expect(await fixture.chunk(1, of: 3, Array("y".utf8)).code == "chunk-missing")
        }
    }

    // MARK: Settings of files

    @Test(arguments: Engine.available)
    func `settings of a file can be changed, settings of its import cannot`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let sent = await fixture.upload(
                Samples.hourly(50), "a/../../../etc/passwd",
                settings: ["bezeichnung": "Water", "zeithorizontStart": -3])
            let id = try #require(sent["file"]?["id"]?.string)
            #expect(
                sent["file"]?["fileName"]?.string == "a/../../../etc/passwd"
                    && sent["file"]?["bezeichnung"]?.string == "Water")
            // The file name is not used as a path on disk.
            #expect(fixture.filesOnDisk().allSatisfy { $0.contains(id) })
            let changed = await fixture.put(
                "csv-files/\(id)",
                ["skalierung": "nein", "zeithorizontEnd": 2.5, "mittelwertbildungUberDenZeithorizont": "ja"])
            #expect(changed.status == 200)
            #expect(
                changed["settings"]?["zeithorizontStart"]?.number == -3
                    && changed["settings"]?["zeithorizontEnd"]?.number == 2.5)
            #expect(changed["settings"]?["skalierung"]?.string == "nein")
            let moved = await fixture.put("csv-files/\(id)", ["type": "output"])
            #expect(moved["type"]?.string == "output")
            for (body, pointer) in [
                (["zeithorizontStart": 3], "/zeithorizontEnd"),
                (["skalierungMin": 2, "skalierungMax": 1], "/skalierungMax"),
                (["valueColumn": "other"], "/valueColumn"), (["zeitzone": "Europe/Vienna"], "/zeitzone"),
                (["bezeichnung": .string(String(repeating: "x", count: 256))], "/bezeichnung"),
                (["type": "both"], "/type"), (["color": "red"], "/color"),
            ] as [(JSONValue, String)] {
                let refused = await fixture.put("csv-files/\(id)", body)
                #expect(refused.status == 422 && refused.pointers == [pointer], "\(refused)")
            }
            #expect(await fixture.put("csv-files/00000000-0000-7000-8000-000000000000", [:]).status == 404)
            #expect(await fixture.put("csv-files/x", [:]).status == 404)
            #expect(await fixture.upload(Samples.hourly(51), "a/../../../etc/passwd").status == 201)
            let conflict = await fixture.put("csv-files/\(id)", ["type": "input"])
            #expect(conflict.status == 409 && conflict.code == "upload-conflict")
            #expect(await fixture.delete("csv-files/\(id)").status == 200)
            #expect(await fixture.delete("csv-files/\(id)").status == 404)
            #expect(await fixture.storage() == Int64(Samples.hourly(51).count + 16 * 51))
        }
    }

    @Test(arguments: Engine.available)
    func `a change reads the page's own names of settings, and refuses unknown ones`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let id = try #require(await fixture.upload(Samples.hourly(30))["file"]?["id"]?.string)
            // A record as the page's tables have it, with members that the server computes and empty fields.
            let changed = await fixture.put(
                "csv-files/\(id)",
                [
                    "zeithorizont_start": "-3", "zeithorizont_end": -1, "bezeichnung": "",
                    "mittelwertbildung_uber_den_zeithorizont": "ja", "skalierung_min": .null, "skalierung_max": "2.5",
                    "datenpunkte": "24", "utc_min": "2026-01-01 00:00:00", "zeitzone": "",
                ])
            #expect(changed.status == 200, "\(changed)")
            let settings = changed["settings"]
            #expect(settings?["zeithorizontStart"]?.number == -3 && settings?["zeithorizontEnd"]?.number == -1)
            #expect(settings?["mittelwertbildungUberDenZeithorizont"]?.string == "ja")
            #expect(settings?["skalierungMax"]?.number == 2.5 && settings?["skalierungMin"]?.number == nil)
            #expect(changed["bezeichnung"]?.string == "series.csv")
            for (body, pointers) in [
                (["zeithorizont_anfang": 1], ["/zeithorizont_anfang"]),
                (
                    ["mittelwertbildung_uber_den_zeithorizont": "vielleicht"],
                    ["/mittelwertbildung_uber_den_zeithorizont"]
                ),
                (["zeithorizont_start": 2, "zeithorizont_end": 1], ["/zeithorizont_end"]),
                (["zeithorizont_start": -2, "zeithorizontStart": -4], ["/zeithorizont_start"]),
                (["skalierung_max": "2,5", "zeithorizont_end": "x"], ["/skalierung_max", "/zeithorizont_end"]),
                (["value_column": "other"], ["/value_column"]), (["decimal_mark": ","], ["/decimal_mark"]),
            ] as [(JSONValue, [String])] {
                let refused = await fixture.put("csv-files/\(id)", body)
                #expect(refused.status == 422 && refused.pointers.sorted() == pointers, "\(body) \(refused)")
            }
            #expect(await fixture.put("csv-files/\(id)", [1]).status == 422)
            #expect(await fixture.get("csv-files/s")["files"]?[0]?["settings"] == settings)
        }
    }

    // MARK: Previews

    @Test(arguments: Engine.available)
    func `the last chunk previews the import, and sent again it completes the file`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free") { fixture in
            try await fixture.prepare(series: nil)
            let bytes = Samples.hourly(90)
            let chunks = split(bytes, 3)
            let path = "upload-chunk?preview=true"
            for index in 0..<2 {
                let waiting = await fixture.chunk(Int64(index), of: 3, chunks[index], path: path)
                #expect(waiting.status == 200 && waiting["receivedChunks"]?.integer == Int64(index) + 1, "\(waiting)")
            }
            let onDisk = 3
            for column in ["value", "other", "value"] {
                let preview = await fixture.chunk(
                    2, of: 3, chunks[2], settings: ["valueColumn": .string(column)], path: path)
                if column == "value" {
                    #expect(preview.status == 200 && preview["file"]?["datenpunkte"]?.integer == 90, "\(preview)")
                    #expect(preview["file"]?["id"] == nil && preview["file"]?["bytes"]?.integer == Int64(bytes.count))
                } else {
                    // Another setting can be tried: the chunks are kept.
                    #expect(preview.status == 422 && preview.code == "unusable-file", "\(preview)")
                }
                #expect(await fixture.level("uploads") == [0, 0])
                #expect(await fixture.storage() == Int64(bytes.count))
                #expect(fixture.filesOnDisk().count == onDisk)
                try await fixture.requireInvariants()
            }
            #expect(try await fixture.count("training_files") == 0)
            let stored = await fixture.chunk(2, of: 3, chunks[2])
            #expect(stored.status == 200 && stored["file"]?["datenpunkte"]?.integer == 90, "\(stored)")
            try await requireOneFile(fixture, bytes)
        }
    }

    @Test(arguments: Engine.available)
    func `concurrent deletions of a file and its session release its storage once`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            for round in 0..<4 {
                try await fixture.prepare("s\(round)", series: Samples.hourly(30))
                let files = try #require(
                    await fixture.get("csv-files/s\(round)")["files"]?.array?.compactMap { $0["id"]?.string })
                await withTaskGroup(of: Void.self) { group in
                    for id in files + files { group.addTask { _ = await fixture.delete("csv-files/\(id)") } }
                    group.addTask { _ = await fixture.post("session/s\(round)/delete") }
                }
                #expect(await fixture.storage() == 0)
                try await fixture.requireInvariants()
            }
            #expect(fixture.filesOnDisk() == [])
        }
    }
}
