import App
import Base
import Foundation
import Identity
import Modules
import TestKit
import Testing

@testable import Training

@Suite struct UploadTests {
    private func pieces(_ bytes: [UInt8], _ count: Int) -> [[UInt8]] {
        let size = (bytes.count + count - 1) / count
        return (0..<count).map { Array(bytes[min($0 * size, bytes.count)..<min(($0 + 1) * size, bytes.count)]) }
    }

    private func requireOneFile(
        _ customer: TrainingFixture, _ bytes: [UInt8], _ location: SourceLocation = #_sourceLocation
    ) async throws {
        let files = try #require(await customer.get("csv-files/s")["files"]?.array, sourceLocation: location)
        #expect(files.count == 1 && files.first?["bytes"]?.integer == Int64(bytes.count), sourceLocation: location)
        #expect(await customer.level("uploads") == [1, 0], sourceLocation: location)
        #expect(await customer.storage() == Int64(bytes.count), sourceLocation: location)
        let audited = try await customer.audited("series-file.uploaded")
        #expect(audited == 1, sourceLocation: location)
        let onDisk = customer.filesOnDisk()
        #expect(
            onDisk.count == 2 && onDisk.allSatisfy { $0.hasPrefix("training/") }, "\(onDisk)", sourceLocation: location)
        let source = try #require(onDisk.first { $0.hasSuffix(".csv") }, sourceLocation: location)
        #expect(try Data(contentsOf: customer.root.appending(path: source)) == Data(bytes), sourceLocation: location)
        try await customer.requireBalance(location)
    }

    @Test(arguments: Engine.available)
    func `chunks come in order, and the last one makes the file`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: nil)
            let bytes = Samples.hourly(300)
            let chunks = pieces(bytes, 3)
            let first = await customer.chunk(0, of: 3, chunks[0])
            #expect(
                first.status == 200 && first["success"]?.bool == true && first["receivedChunks"]?.integer == 1
                    && first["file"] == nil)
            #expect(await customer.level("uploads") == [0, 0])
            #expect(await customer.chunk(1, of: 3, chunks[1])["receivedChunks"]?.integer == 2)
            let last = await customer.chunk(2, of: 3, chunks[2])
            let file = try #require(last["file"])
            #expect(last["message"]?.string == "The file is complete" && last["totalChunks"]?.integer == 3)
            #expect(
                file["fileName"]?.string == "series.csv" && file["type"]?.string == "input"
                    && file["datenpunkte"]?.integer == 300)
            #expect(
                file["utcMin"]?.string == "2026-01-01T00:00:00Z" && file["zeitschrittweiteMean"]?.number == 60
                    && file["offset"]?.number == 0)
            #expect(file["numerischerAnteil"]?.number == 100 && file["import"]?["delimiter"]?.string == ";")
            try await requireOneFile(customer, bytes)
        }
    }

    @Test(arguments: Engine.available)
    func `after the first, chunks come in any order and more than once`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: nil)
            let bytes = Samples.hourly(300)
            let chunks = pieces(bytes, 5)
            for index in [0, 3, 3, 1, 0, 4, 1] {
                #expect(await customer.chunk(Int64(index), of: 5, chunks[index]).status == 200)
            }
            #expect(await customer.level("uploads") == [0, 0])
            #expect(await customer.chunk(2, of: 5, chunks[2])["file"]?["bytes"]?.integer == Int64(bytes.count))
            try await requireOneFile(customer, bytes)
        }
    }

    @Test(arguments: Engine.available)
    func `before the first no other chunk is taken, and nothing is left of it`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: nil)
            let refused = await customer.chunk(1, of: 2, Array("x".utf8))
            #expect(refused.status == 409 && refused.code == "chunk-missing" && refused["next_chunk"]?.integer == 0)
            #expect(customer.filesOnDisk() == [])
            #expect(try await customer.count("training_uploads") == 0)
            #expect(await customer.level("uploads") == [0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `another number of chunks is a conflict until chunk 0 begins anew`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: nil)
            let bytes = Samples.hourly(120)
            let (thirds, halves) = (pieces(bytes, 3), pieces(bytes, 2))
            for index in 0..<2 { _ = await customer.chunk(Int64(index), of: 3, thirds[index]) }
            let refused = await customer.chunk(1, of: 2, halves[1])
            #expect(refused.status == 409 && refused.code == "upload-conflict")
            #expect(await customer.chunk(0, of: 2, halves[0])["receivedChunks"]?.integer == 1)
            // What came before is gone from disk too.
            #expect(customer.filesOnDisk().count == 1)
            #expect(await customer.chunk(2, of: 3, thirds[2]).code == "upload-conflict")
            #expect(await customer.chunk(1, of: 2, halves[1])["file"] != nil)
            try await requireOneFile(customer, bytes)
        }
    }

    @Test(arguments: Engine.available)
    func `a last chunk whose answer was lost is sent again: complete already, and charged once`(engine: Engine)
        async throws
    {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: nil)
            let bytes = Samples.hourly(100)
            let chunks = pieces(bytes, 2)
            _ = await customer.chunk(0, of: 2, chunks[0])
            let first = await customer.chunk(1, of: 2, chunks[1])
            let again = await customer.chunk(1, of: 2, chunks[1])
            #expect(
                again.status == 200 && again["message"]?.string == "The file is complete already"
                    && again["file"] == first["file"])
            try await requireOneFile(customer, bytes)
            // A file of a single chunk, and all of it anew.
            #expect(await customer.chunk(0, of: 1, bytes)["file"]?["id"] == first["file"]?["id"])
            #expect(await customer.upload(bytes)["file"]?["id"] == first["file"]?["id"])
            for index in 0..<2 { _ = await customer.chunk(Int64(index), of: 2, chunks[index]) }
            try await requireOneFile(customer, bytes)
        }
    }

    @Test(arguments: Engine.available)
    func `a last chunk whose answer was lost is answered again, although it took the last upload`(engine: Engine)
        async throws
    {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: nil)
            for number in 1...3 {
                try await customer.require(201, await customer.upload(Samples.hourly(20), "\(number).csv"))
            }
            let bytes = Samples.hourly(100)
            let chunks = pieces(bytes, 3)
            for index in 0..<2 { _ = await customer.chunk(Int64(index), of: 3, chunks[index]) }
            let first = await customer.chunk(2, of: 3, chunks[2])
            let whole = await customer.upload(Samples.hourly(30), "whole.csv")
            #expect(await customer.level("uploads") == [5, 0])

            let again = await customer.chunk(2, of: 3, chunks[2])
            #expect(again.status == first.status && again["file"] == first["file"] && again["file"] != nil, "\(again)")
            #expect(again["receivedChunks"]?.integer == 3 && again["totalChunks"]?.integer == 3)
            let wholeAgain = await customer.upload(Samples.hourly(30), "whole.csv")
            #expect(wholeAgain.status == 201 && wholeAgain["file"] == whole["file"], "\(wholeAgain)")
            // Whatever is not the same is another upload, and whatever is wrong with it comes after there being none left.
            #expect(await customer.chunk(0, of: 3, chunks[0]).code == "quota-exceeded")
            #expect(await customer.chunk(2, of: 3, chunks[2], "other.csv").code == "quota-exceeded")
            #expect(await customer.chunk(2, of: 3, chunks[2], to: "nowhere").code == "quota-exceeded")
            #expect(await customer.upload(Samples.hourly(31), "whole.csv").code == "quota-exceeded")
            #expect(await customer.send("upload-chunk", bytes, ["sessionId": "s"]).code == "quota-exceeded")
            #expect(await customer.level("uploads") == [5, 0])
            #expect(customer.filesOnDisk().count == 10)
            let explained = await customer.app.call(
                "GET", "/v1/entitlements/explain?route=POST%20/v1/training/upload-chunk", token: customer.person.token)
            #expect(explained["refusal"]?["code"] == "quota-exceeded", "\(explained)")
            // Nobody waits for an answer for so long.
            customer.app.clock.advance(by: SeriesFile.answerLifetime)
            #expect(await customer.chunk(2, of: 3, chunks[2]).code == "quota-exceeded")
        }
    }

    @Test(arguments: Engine.available)
    func `last chunks that come at once make one file, charged once`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            let bytes = Samples.hourly(80)
            let chunks = pieces(bytes, 3)
            for round in 0..<6 {
                let session = "s\(round)"
                try await customer.prepare(session, series: nil)
                _ = await customer.chunk(0, of: 3, chunks[0], to: session)
                // In some rounds the same chunk twice, in others the two that are missing, in others both.
                let indices = [[1, 2], [1, 2, 2], [1, 1, 2, 2]][round % 3]
                let responses = await withTaskGroup(of: TestResponse.self) { group in
                    for index in indices {
                        group.addTask { await customer.chunk(Int64(index), of: 3, chunks[index], to: session) }
                    }
                    return await group.reduce(into: [TestResponse]()) { $0.append($1) }
                }
                #expect(responses.allSatisfy { $0.status == 200 }, "\(responses)")
                #expect(responses.contains { $0["file"] != nil }, "\(responses)")
                #expect(await customer.get("csv-files/\(session)")["files"]?.array?.count == 1)
                #expect(await customer.level("uploads") == [Int64(round) + 1, 0])
            }
            #expect(customer.filesOnDisk().count == 12)
            #expect(try await customer.count("training_uploads") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `the same file sent many times at once is one file, charged once`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            try await customer.prepare(series: nil)
            let bytes = Samples.hourly(80)
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                for _ in 0..<6 { group.addTask { await customer.upload(bytes) } }
                return await group.reduce(into: [TestResponse]()) { $0.append($1) }
            }
            #expect(responses.allSatisfy { $0.status == 201 }, "\(responses)")
            try await requireOneFile(customer, bytes)
        }
    }

    @Test(arguments: Engine.available)
    func `other content under the same name is a conflict, and as an output it is a file of its own`(engine: Engine)
        async throws
    {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: nil)
            let (bytes, others) = (Samples.hourly(100), Samples.hourly(101))
            #expect(await customer.upload(bytes).status == 201)
            let refused = await customer.upload(others)
            #expect(refused.status == 409 && refused.code == "upload-conflict")
            try await requireOneFile(customer, bytes)
            #expect(await customer.upload(others, kind: "output").status == 201)
            #expect(await customer.get("csv-files/s?type=output")["files"]?.array?.count == 1)
            #expect(await customer.get("csv-files/s?type=other").status == 422)
            #expect(await customer.level("uploads") == [2, 0])
            #expect(await customer.storage() == Int64(bytes.count + others.count))
        }
    }

    @Test(arguments: Engine.available)
    func `the sixth upload of a month is refused before a byte is kept`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: nil)
            for number in 1...5 { #expect(await customer.upload(Samples.hourly(20), "\(number).csv").status == 201) }
            let refused = await customer.upload(Samples.hourly(20), "6.csv")
            #expect(
                refused.status == 403 && refused["error"]?.string == "Upload limit reached"
                    && refused["plan"]?.string == "Free")
            #expect(
                refused["limit"]?.integer == 5 && refused["current_usage"]?.integer == 5
                    && refused["resets_at"]?.string == "2026-02-28T12:00:00Z")
            #expect(customer.filesOnDisk().count == 10)
            // Deleting gives room back, not uploads.
            let id = try #require(await customer.get("csv-files/s")["files"]?[0]?["id"]?.string)
            #expect(await customer.delete("csv-files/\(id)").status == 200)
            #expect(await customer.upload(Samples.hourly(20), "6.csv").status == 403)
            #expect(customer.filesOnDisk().count == 8)
        }
    }

    @Test(arguments: Engine.available)
    func `uploads that race for the last unit: one gets it`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: nil)
            for number in 1...4 { _ = await customer.upload(Samples.hourly(20), "\(number).csv") }
            let statuses = await withTaskGroup(of: Int.self) { group in
                for number in 5...10 {
                    group.addTask { await customer.upload(Samples.hourly(20), "\(number).csv").status }
                }
                return await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(statuses == [201: 1, 403: 5])
            #expect(await customer.level("uploads") == [5, 0])
            #expect(customer.filesOnDisk().count == 10)
            #expect(try await customer.count("training_uploads") == 0)
        }
    }

    // MARK: Sizes

    /// A plan of small sizes, so that tests need no large files.
    private static let small =
        "plans:\n  - { id: free, name: Small, start: anyone, limits: { uploads: 50, processing: 50 }, file_mb: 1, storage_mb: 2 }"

    /// A series of a little more than `bytes`.
    private static func series(bytes: Int) -> [UInt8] {
        var text = "UTC;value;remark\n"
        var hour = 0
        while text.utf8.count <= bytes {
            text += "\(Samples.stamp(hour));\(hour % 5);\(String(repeating: "x", count: 4_000))\n"
            hour += 1
        }
        return Array(text.utf8)
    }

    @Test(arguments: Engine.available)
    func `a file larger than the plan allows is refused, and nothing is left on disk`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free", plans: Self.small) { customer in
            try await customer.prepare(series: nil)
            let large = Self.series(bytes: 1 << 20)
            let refused = await customer.upload(large)
            #expect(refused.status == 413 && refused.code == "payload-too-large")
            #expect(customer.filesOnDisk() == [])
            // In chunks that are small enough, one after the other and at once.
            let chunks = pieces(large, 4)
            for index in 0..<3 { #expect(await customer.chunk(Int64(index), of: 4, chunks[index]).status == 200) }
            let last = await customer.chunk(3, of: 4, chunks[3])
            #expect(last.status == 413)
            #expect(customer.filesOnDisk() == [])
            _ = await customer.chunk(0, of: 4, chunks[0])
            let responses = await withTaskGroup(of: TestResponse.self) { group in
                for index in 1..<4 { group.addTask { await customer.chunk(Int64(index), of: 4, chunks[index]) } }
                return await group.reduce(into: [TestResponse]()) { $0.append($1) }
            }
            #expect(
                responses.contains { $0.status == 413 }
                    && responses.allSatisfy { $0["file"] == nil && $0.status < 500 }, "\(responses)")
            #expect(customer.filesOnDisk() == [])
            #expect(try await customer.count("training_uploads") == 0)
            #expect(await customer.level("uploads") == [0, 0])
        }
    }

    @Test(arguments: Engine.available)
    func `files that together exceed the plan's storage are refused, those under way counted`(engine: Engine)
        async throws
    {
        try await withCustomer(engine, plan: "free", plans: Self.small) { customer in
            try await customer.prepare(series: nil)
            let bytes = Self.series(bytes: 900 << 10)
            for name in ["a", "b"] { #expect(await customer.upload(bytes, name).status == 201) }
            let refused = await customer.upload(bytes, "c")
            #expect(
                refused.status == 403 && refused.code == "storage-exceeded"
                    && refused["error"]?.string == "Storage limit reached")
            #expect(
                refused["plan"]?.string == "Small" && refused["limit_mb"]?.number == 2
                    && (refused["current_usage_mb"]?.number ?? 0) > 1.75)
            #expect(customer.filesOnDisk().count == 4)
            #expect(await customer.level("uploads") == [2, 0])
            let id = try #require(await customer.get("csv-files/s")["files"]?[0]?["id"]?.string)
            #expect(await customer.delete("csv-files/\(id)").status == 200)
            #expect(try await customer.audited("series-file.deleted") == 1)
            // A beginning that waits for its end takes room as well.
            #expect(await customer.chunk(0, of: 2, bytes, "c").status == 200)
            #expect(await customer.upload(bytes, "d").code == "storage-exceeded")
            #expect(await customer.chunk(0, of: 9, bytes, "e").code == "storage-exceeded")
            try await customer.requireBalance()
        }
    }

    @Test(arguments: Engine.available)
    func `deleting a session takes its unfinished uploads along`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: nil)
            _ = await customer.chunk(0, of: 3, Array("x".utf8))
            _ = await customer.chunk(0, of: 2, Array("y".utf8), "other.csv")
            #expect(customer.filesOnDisk().count == 2)
            #expect(await customer.post("session/s/delete").status == 200)
            #expect(customer.filesOnDisk() == [])
        }
    }

    @Test(arguments: Engine.available)
    func `uploads that nobody finished are thrown away after a day, strays of dead processes too`(engine: Engine)
        async throws
    {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: nil)
            _ = await customer.chunk(0, of: 3, Array("x".utf8))
            let stray: ID<String> = Runtime(now: { customer.app.clock.now }, randomBytes: Runtime.system.randomBytes)
                .id()
            try Data("half a chunk".utf8).write(to: customer.root.appending(path: "uploads/\(stray)"))
            customer.app.clock.advance(by: .hours(23))
            try await customer.app.runJobs()
            #expect(customer.filesOnDisk().count == 2)
            customer.app.clock.advance(by: .hours(2))
            try await customer.app.runJobs()
            #expect(customer.filesOnDisk() == [])
            #expect(try await customer.count("training_uploads") == 0)
            #expect(await customer.chunk(1, of: 3, Array("y".utf8)).code == "chunk-missing")
        }
    }

    // MARK: How files are used

    @Test(arguments: Engine.available)
    func `a file's settings are changed, and what import decided is not`(engine: Engine) async throws {
        try await withCustomer(engine, plan: "free") { customer in
            try await customer.prepare(series: nil)
            let sent = await customer.upload(
                Samples.hourly(50), "a/../../../etc/passwd",
                settings: ["bezeichnung": "Water", "zeithorizontStart": -3, "unknown": [1]])
            let id = try #require(sent["file"]?["id"]?.string)
            #expect(
                sent["file"]?["fileName"]?.string == "a/../../../etc/passwd"
                    && sent["file"]?["bezeichnung"]?.string == "Water")
            // The name is a name: on disk the file has one of ours.
            #expect(customer.filesOnDisk().allSatisfy { $0.contains(id) })
            let changed = await customer.put(
                "csv-files/\(id)",
                ["skalierung": "nein", "zeithorizontEnd": 2.5, "mittelwertbildungUberDenZeithorizont": "ja"])
            #expect(changed.status == 200)
            #expect(
                changed["settings"]?["zeithorizontStart"]?.number == -3
                    && changed["settings"]?["zeithorizontEnd"]?.number == 2.5)
            #expect(changed["settings"]?["skalierung"]?.string == "nein")
            let moved = await customer.put("csv-files/\(id)", ["type": "output"])
            #expect(moved["type"]?.string == "output")
            for (body, pointer) in [
                (["zeithorizontStart": 3], "/zeithorizontEnd"),
                (["skalierungMin": 2, "skalierungMax": 1], "/skalierungMax"),
                (["valueColumn": "other"], "/valueColumn"), (["zeitzone": "Europe/Vienna"], "/zeitzone"),
                (["bezeichnung": ""], "/bezeichnung"),
                (["type": "both"], "/type"), (["color": "red"], "/color"),
            ] as [(JSONValue, String)] {
                let refused = await customer.put("csv-files/\(id)", body)
                #expect(refused.status == 422 && refused.pointers == [pointer], "\(refused)")
            }
            #expect(await customer.put("csv-files/00000000-0000-7000-8000-000000000000", [:]).status == 404)
            #expect(await customer.put("csv-files/x", [:]).status == 404)
            #expect(await customer.upload(Samples.hourly(51), "a/../../../etc/passwd").status == 201)
            let taken = await customer.put("csv-files/\(id)", ["type": "input"])
            #expect(taken.status == 409 && taken.code == "upload-conflict")
            #expect(await customer.delete("csv-files/\(id)").status == 200)
            #expect(await customer.delete("csv-files/\(id)").status == 404)
            #expect(await customer.storage() == Int64(Samples.hourly(51).count))
        }
    }

    @Test(arguments: Engine.available)
    func `a file deleted twice at once, and with its session, gives its room back once`(engine: Engine) async throws {
        try await withCustomer(engine) { customer in
            for round in 0..<4 {
                try await customer.prepare("s\(round)", series: Samples.hourly(30))
                let files = try #require(
                    await customer.get("csv-files/s\(round)")["files"]?.array?.compactMap { $0["id"]?.string })
                await withTaskGroup(of: Void.self) { group in
                    for id in files + files { group.addTask { _ = await customer.delete("csv-files/\(id)") } }
                    group.addTask { _ = await customer.post("session/s\(round)/delete") }
                }
                #expect(await customer.storage() == 0)
                try await customer.requireBalance()
            }
            #expect(customer.filesOnDisk() == [])
        }
    }
}
