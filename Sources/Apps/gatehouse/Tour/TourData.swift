import Client
import Foundation
import Modules

/// Files and datasets.
extension Tour {
    func openSession(_ session: TrainingSessionName, _ customer: Customer) async throws {
        let id = JSONValue.string(session.id)
        try await guide.step(
            .post, "/api/training/init-session", by: customer.client, body: .json(["sessionId": id]),
            expect: .ok(["success": true, "sessionId": id]), "a session under the client's own id"
        )
        let body: JSONValue = ["sessionId": id, "sessionName": "Seattle, six hours ahead"]
        try await guide.step(
            .post, "/api/training/create-database-session", by: customer.client, body: .json(body), expect: .ok
        ) { answer in
            "it has a name now, and the id \(try answer.text(at: "sessionUuid").prefix(8))…"
        }
    }

    func uploadFiles(_ session: TrainingSessionName, _ customer: Customer) async throws {
        try await upload(examples.seattle, .seattleBefore, session, customer)
        try await uploadInChunks(examples.sanFrancisco, .sanFranciscoBefore, session, customer)
        try await upload(examples.seattle, .seattleAfter, session, customer)
    }

    func saveSettings(_ session: TrainingSessionName, _ customer: Customer) async throws {
        let day: JSONValue = [
            "detaillierteBerechnung": false, "datenform": "Zeithorizont", "zeithorizontStart": 1, "zeithorizontEnd": 6,
            "skalierung": "ja",
        ]
        let features: JSONValue = [
            "jahr": false, "monat": false, "woche": false, "tag": true, "feiertag": false,
            "category_data": ["tag": day],
        ]
        try await guide.step(
            .post, "/api/training/save-time-info", by: customer.client,
            body: .json(["sessionId": .string(session.id), "timeInfo": features]),
            expect: .ok(["success": true]), "the time of day of the next 6 hours is an input too"
        )
        try await saveSteps(session, customer)
    }

    func saveSteps(_ session: TrainingSessionName, _ customer: Customer) async throws {
        let steps: JSONValue = ["eingabe": 6, "ausgabe": 6, "zeitschrittweite": 60, "offset": 0]
        try await guide.step(
            .post, "/api/training/save-zeitschritte", by: customer.client,
            body: .json(["sessionId": .string(session.id), "zeitschritte": steps]),
            expect: .ok(["success": true]), "6 values in, 6 values out, a dataset every hour"
        )
    }

    /// Whole weeks, drawn from all the year, so that no model is judged by hours that it has seen; nor only by the winter, as it would
    /// be by the last tenth of the year.
    static let split: JSONValue = [
        "trainPercentage": 70, "valPercentage": 20, "testPercentage": 10, "shuffle": true,
        "blockLength": .integer(hoursOfAWeek), "seed": 42,
    ]
    static let hoursOfAWeek: Int64 = 168

    func generateDatasets(_ session: TrainingSessionName, _ customer: Customer) async throws {
        let path = "/api/training/generate-datasets/\(session.id)"
        let body: JSONValue = ["model_parameters": [:], "training_split": Self.split]
        let answer = try await guide.step(.post, path, by: customer.client, body: .json(body), expect: .ok) { answer in
            "\(try answer.at("dataset_count").text) datasets, \(try answer.at("violin_plots").object?.count ?? 0) violin plots of their columns"
        }
        // A year of hours, but for the ends and the hour that the clocks skipped.
        guard let count = answer["dataset_count"]?.integer, (8_700...8_760).contains(count),
            answer["n_dat"]?.integer == count
        else {
            throw Failure(
                "POST \(path)\n  expected  about 8,745 datasets\n  got       \(answer["dataset_count"]?.text ?? "none")"
            )
        }
    }

    // MARK: Uploads

    func upload(_ path: String, _ series: Series, _ session: TrainingSessionName, _ customer: Customer) async throws {
        try await upload(.file(path), named: URL(filePath: path).lastPathComponent, series, session, customer)
    }

    func upload(
        _ content: Multipart.Part.Content, named name: String, _ series: Series, _ session: TrainingSessionName,
        _ customer: Customer
    ) async throws {
        var metadata = series.metadata
        metadata["sessionId"] = .string(session.id)
        metadata["fileName"] = .string(name)
        let body = Multipart(.init("metadata", .json(.object(metadata))), .init("file", content, fileName: name))
        let answer = try await guide.step(
            .post, "/api/training/instant-upload", by: customer.client, body: .multipart(body),
            expect: Expectation(status: 201, members: ["success": true])
        ) { _ in "\(name) as \(series.kind), at once" }
        try tellImport(of: answer)
    }

    /// Three chunks, the first of them twice, and before them one that comes too early: none of it does harm.
    private func uploadInChunks(_ path: String, _ series: Series, _ session: TrainingSessionName, _ customer: Customer)
        async throws
    {
        let name = URL(filePath: path).lastPathComponent
        guard let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int64 else {
            throw Failure("\(path) has no size.")
        }
        func send(_ index: Int64, expect: Expectation, _ meaning: String) async throws -> JSONValue {
            let metadata: JSONValue = [
                "sessionId": .string(session.id), "chunkIndex": .integer(index), "totalChunks": 3,
                "fileName": .string(name),
                "additionalData": ["fileMetadata": .object(series.metadata)],
            ]
            let range = size * index / 3..<size * (index + 1) / 3
            let body = Multipart(
                .init("metadata", .json(metadata)), .init("chunk", .file(path, range: range), fileName: name))
            return try await guide.step(
                .post, "/api/training/upload-chunk", by: customer.client, body: .multipart(body), expect: expect,
                meaning)
        }
        func received(_ count: Int64) -> Expectation {
            .ok(["success": true, "receivedChunks": .integer(count), "totalChunks": 3])
        }
        let missing = Expectation.refused(
            409, "chunk-missing", "The first chunk of this upload has not arrived", ["next_chunk": 0])
        _ = try await send(1, expect: missing, "chunk 2 of 3 of \(name), before there is a first")
        _ = try await send(0, expect: received(1), "chunk 1 of 3")
        _ = try await send(0, expect: received(1), "chunk 1 again, as after a lost answer: it counts once")
        _ = try await send(1, expect: received(2), "chunk 2 of 3")
        try tellImport(of: try await send(2, expect: received(3), "chunk 3 of 3: the file is complete"))
    }

    private func tellImport(of answer: JSONValue) throws {
        do {
            let file = try answer.at("file")
            let report = try file.at("import")
            let time = "time in '\(try report.text(at: "timeColumn"))' as \(try report.text(at: "timeFormat"))"
            let columns = "\(time), value in '\(try report.text(at: "valueColumn"))'"
            let missing = try report.number(at: "missingSteps")
            let gap =
                missing > 0 ? ", \(Int(missing)) hour missing after \(report["largestGapAfter"]?.string ?? "?")" : ""
            guide.remark("import: \(try file.at("numerischeDatenpunkte").text) rows, \(columns)\(gap)")
        } catch let difference as Difference {
            throw Failure("What import says it did\n  expected  \(difference.expected)\n  got       \(difference.got)")
        }
    }
}

/// How a file is used: what it is called, and which hours of it count.
struct Series: Sendable {
    let label: String
    /// input or output.
    let kind: String
    let hours: ClosedRange<Int64>

    static let seattleBefore = Series(label: "Seattle", kind: "input", hours: -5...0)
    static let sanFranciscoBefore = Series(label: "San Francisco", kind: "input", hours: -5...0)
    static let seattleAfter = Series(label: "Seattle", kind: "output", hours: 1...6)

    var metadata: [String: JSONValue] {
        [
            "type": .string(kind), "bezeichnung": .string(label), "skalierung": "ja",
            "zeithorizontStart": .integer(hours.lowerBound), "zeithorizontEnd": .integer(hours.upperBound),
        ]
    }
}
