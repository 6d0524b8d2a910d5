import App
import Base
import Foundation
import Modules
import TestKit
import Testing

@Suite struct RunStorageTests {
    private static let small =
        """
        plans:
          - id: free
            name: Small
            start: anyone
            features: [training]
            limits: { uploads: 50, processing: 50, training_runs: 50 }
            file_mb: 1
            storage_mb: 3
        """

    @Test(arguments: Engine.available)
    func `datasets beyond the storage of the plan are refused with what they would take`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free", plans: Self.small) { fixture in
            // A few bytes of series give 300 datasets of 2 × 2,000 numbers each.
            try await fixture.prepare(series: Samples.hourly(300), inputs: 2_000, outputs: 2_000)
            let files = try #require(await fixture.storage())
            for prefer in ["respond-async", nil] {
                let refused = await fixture.post("generate-datasets/s", prefer: prefer)
                #expect(refused.status == 403 && refused.code == "storage-exceeded", "\(refused)")
                let required = try #require(refused["required"]?.integer)
                #expect(required > 300 * 4_000 * 8 && required < 300 * 4_001 * 8 + (1 << 20))
                #expect(refused["available"]?.integer == 3 << 20 - files)
            }
            #expect(await fixture.level("processing") == [0, 0])
            #expect(try await fixture.count("training_runs") == 0)
            #expect(try await fixture.audited("run.started") == 0)
            #expect(await fixture.storage() == files)
            #expect(await fixture.get("session/s")["workflow_phase"]?.string == "upload")
            // Fewer steps fit.
            _ = await fixture.post(
                "save-zeitschritte",
                ["sessionId": "s", "zeitschritte": ["eingabe": 2, "ausgabe": 2, "zeitschrittweite": 60]])
            try await fixture.generate()
            try await fixture.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `a run takes what it may write, and at its end what it has written`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepare()
            let files = try #require(await fixture.storage())
            try await fixture.require(202, await fixture.post("generate-datasets/s", prefer: "respond-async"))
            let reserved = try #require(await fixture.storage()) - files
            #expect(reserved > 200 * 5 * 8)
            try await fixture.requireInvariants()
            try await fixture.app.runJobs()
            let datasets = fixture.runBytesOnDisk()
            #expect(datasets > 0 && datasets <= reserved)
            #expect(await fixture.storage() == files + datasets)
            fixture.app.clock.advance(by: .seconds(1))

            for (parameters, split) in [
                (Samples.linear, nil), (Samples.dense, nil),
                (Samples.linear, JSONValue.object(["trainPercentage": 40, "valPercentage": 0, "testPercentage": 60])),
            ] as [(JSONValue, JSONValue?)] {
                let before = try #require(await fixture.storage())
                var request: [String: JSONValue] = ["model_parameters": parameters]
                request["training_split"] = split
                try await fixture.require(202, await fixture.post("train-models/s", .object(request)))
                let reserved = try #require(await fixture.storage()) - before
                try await fixture.app.runJobs()
                #expect(await fixture.get("status/s")["status"]?.string == "completed")
                let written = try #require(await fixture.storage()) - before
                #expect(written > 0 && written <= reserved)
                #expect(await fixture.storage() == files + fixture.runBytesOnDisk())
                try await fixture.requireInvariants()
                fixture.app.clock.advance(by: .seconds(1))
            }
            #expect(await fixture.post("session/s/delete").status == 200)
            #expect(await fixture.storage() == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `replaced datasets release their storage when their files are removed`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepareDatasets()
            let one = try #require(await fixture.storage())
            try await fixture.generate()
            #expect(try #require(await fixture.storage()) > one)
            #expect(fixture.filesOnDisk().filter { $0.hasSuffix("inputs.npy") }.count == 2)
            fixture.app.clock.advance(by: .minutes(1))
            try await fixture.app.runJobs()
            #expect(await fixture.storage() == one)
            #expect(fixture.filesOnDisk().filter { $0.hasSuffix("inputs.npy") }.count == 1)
            #expect(await fixture.get("download-arrays/s").status == 200)
            // Three in a row: the next run removes replaced datasets that the job has not removed yet.
            for _ in 1...2 { try await fixture.generate() }
            #expect(fixture.filesOnDisk().filter { $0.hasSuffix("inputs.npy") }.count == 2)
            try await fixture.requireInvariants()
            // A session that is deleted before the job runs releases its storage once.
            #expect(await fixture.post("session/s/delete").status == 200)
            fixture.app.clock.advance(by: .minutes(2))
            try await fixture.app.runJobs()
            #expect(await fixture.storage() == 0)
            #expect(fixture.filesOnDisk() == [])
        }
    }

    @Test(arguments: Engine.available)
    func `cancelled and failed runs release their storage`(engine: Engine) async throws {
        try await withTrainingFixture(engine) { fixture in
            try await fixture.prepare()
            let files = try #require(await fixture.storage())
            try await fixture.require(202, await fixture.post("generate-datasets/s", prefer: "respond-async"))
            #expect(try #require(await fixture.storage()) > files)
            #expect(await fixture.post("cancellation/s").status == 200)
            #expect(await fixture.storage() == files)

            fixture.app.clock.advance(by: .seconds(1))
            try await fixture.require(202, await fixture.post("generate-datasets/s", prefer: "respond-async"))
            // Without its files the run fails.
            try FileManager.default.removeItem(at: fixture.root.appending(path: "training"))
            for _ in 1...3 {
                try await fixture.app.runJobs()
                fixture.app.clock.advance(by: .minutes(1))
            }
            #expect(await fixture.get("status/s")["status"]?.string == "failed")
            #expect(await fixture.storage() == files)
            #expect(await fixture.level("processing") == [0, 0])
        }
    }

    // MARK: Series

    @Test(arguments: Engine.available)
    func `the imported series takes storage, and a file whose series does not fit is refused`(engine: Engine)
        async throws
    {
        try await withTrainingFixture(engine, plan: "free", plans: Self.small) { fixture in
            try await fixture.prepare(series: nil)
            func file(_ rows: Int) -> [UInt8] { Samples.hourly(rows) { Double($0 % 7) } }
            let first = file(40_000)
            try await fixture.require(201, await fixture.upload(first, "a.csv"))
            let used = Int64(first.count + 16 * 40_000)
            #expect(await fixture.storage() == used && fixture.seriesBytesOnDisk() == used)
            // The uploaded file fits, its series does not.
            let second = file(40_001)
            #expect(used + Int64(second.count) < 3 << 20 && used * 2 > 3 << 20)
            let refused = await fixture.upload(second, "b.csv")
            #expect(refused.status == 403 && refused.code == "storage-exceeded", "\(refused)")
            // A sample for each line, the header's included.
            #expect(refused["required"]?.integer == Int64(16 * 40_002))
            #expect(refused["available"]?.integer == Int64(3 << 20) - used - Int64(second.count))
            #expect(await fixture.storage() == used)
            #expect(fixture.filesOnDisk().count == 2)
            #expect(await fixture.level("uploads") == [1, 0])
            #expect(try await fixture.count("training_uploads") == 0)
            let id = try #require(await fixture.get("csv-files/s")["files"]?[0]?["id"]?.string)
            #expect(await fixture.delete("csv-files/\(id)").status == 200)
            #expect(await fixture.storage() == 0)
        }
    }

    // MARK: Unfinished uploads

    @Test(arguments: Engine.available)
    func `every chunk of an unfinished upload takes storage`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free", plans: Self.small) { fixture in
            try await fixture.prepare(series: nil)
            // Registers the schedules, whose first time is an interval later.
            try await fixture.app.runJobs()
            let chunk = [UInt8](repeating: UInt8(ascii: "x"), count: 300 << 10)
            for name in ["a", "b", "c"] {
                for index in 0..<3 as Range<Int64> {
                    #expect(await fixture.chunk(index, of: 9, chunk, name).status == 200)
                }
            }
            let used = Int64(9 * chunk.count)
            #expect(await fixture.storage() == used)
            try await fixture.requireInvariants()
            let count = fixture.filesOnDisk().count
            #expect(count == 9)
            // A chunk that is sent again takes its storage once.
            #expect(await fixture.chunk(2, of: 9, chunk, "a").status == 200)
            #expect(await fixture.storage() == used)
            let larger = chunk + [UInt8](repeating: UInt8(ascii: "x"), count: 400 << 10)
            for (index, bytes, name) in [(0, chunk + chunk, "d"), (2, larger, "a")] as [(Int64, [UInt8], String)] {
                let refused = await fixture.chunk(index, of: 9, bytes, name)
                #expect(refused.status == 403 && refused.code == "storage-exceeded", "\(refused)")
                #expect(refused["available"]?.integer == Int64(3 << 20) - used)
                #expect((refused["required"]?.integer ?? 0) > 3 << 20 - used)
            }
            #expect(await fixture.storage() == used)
            #expect(fixture.filesOnDisk().count == count)
            // Another number of chunks restarts the upload and releases its storage.
            #expect(await fixture.chunk(0, of: 5, chunk, "a").status == 200)
            #expect(await fixture.storage() == Int64(7 * chunk.count))
            try await fixture.requireInvariants()
            fixture.app.clock.advance(by: .hours(25))
            try await fixture.app.runJobs()
            #expect(await fixture.storage() == 0)
            #expect(fixture.filesOnDisk() == [])
        }
    }

    @Test(arguments: Engine.available)
    func `of concurrent chunks those within the storage are stored`(engine: Engine) async throws {
        try await withTrainingFixture(engine, plan: "free", plans: Self.small) { fixture in
            try await fixture.prepare(series: nil)
            let chunk = [UInt8](repeating: UInt8(ascii: "x"), count: 600 << 10)
            let statuses = await withTaskGroup(of: Int.self) { group in
                for number in 0..<12 {
                    group.addTask { await fixture.chunk(0, of: 2, chunk, "file-\(number)").status }
                }
                return await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses.count { $0 == 200 } == 5 && statuses.count { $0 == 403 } == 7, "\(statuses)")
            #expect(await fixture.storage() == Int64(5 * chunk.count))
            #expect(fixture.filesOnDisk().count == 5)
        }
    }
}
