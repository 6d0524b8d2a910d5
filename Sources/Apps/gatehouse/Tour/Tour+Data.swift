import Client
import Foundation
import Modules

/// Files and datasets.
extension Tour {
    func openSession(_ session: TrainingSessionName, _ account: TourAccount) async throws {
        let id = JSONValue.string(session.id)
        try await runner.step(
            .post, "/api/training/init-session", by: account.client, body: .json(["sessionId": id]),
            expect: .ok(["success": true, "sessionId": id]), "a session with an id of the client"
        )
        let body: JSONValue = ["sessionId": id, "sessionName": "Seattle, six hours ahead"]
        try await runner.step(
            .post, "/api/training/create-database-session", by: account.client, body: .json(body), expect: .ok
        ) { response in
            "the session has a name, and the id \(try response.text(at: "sessionUuid").prefix(8))…"
        }
    }

    func uploadFiles(_ session: TrainingSessionName, _ account: TourAccount) async throws {
        try await upload(examples.seattle, .seattleBefore, session, account)
        try await uploadInChunks(examples.sanFrancisco, .sanFranciscoBefore, session, account)
        try await upload(examples.seattle, .seattleAfter, session, account)
    }

    func saveSettings(_ session: TrainingSessionName, _ account: TourAccount) async throws {
        let day: JSONValue = [
            "detaillierteBerechnung": false, "datenform": "Zeithorizont", "zeithorizontStart": 1, "zeithorizontEnd": 6,
            "skalierung": "ja",
        ]
        let features: JSONValue = [
            "jahr": false, "monat": false, "woche": false, "tag": true, "feiertag": false,
            "category_data": ["tag": day],
        ]
        try await runner.step(
            .post, "/api/training/save-time-info", by: account.client,
            body: .json(["sessionId": .string(session.id), "timeInfo": features]),
            expect: .ok(["success": true]), "the time of day of the next 6 hours is an additional input"
        )
        try await saveSteps(session, account)
    }

    func saveSteps(_ session: TrainingSessionName, _ account: TourAccount) async throws {
        let steps: JSONValue = ["eingabe": 6, "ausgabe": 6, "zeitschrittweite": 60, "offset": 0]
        try await runner.step(
            .post, "/api/training/save-zeitschritte", by: account.client,
            body: .json(["sessionId": .string(session.id), "zeitschritte": steps]),
            expect: .ok(["success": true]), "6 input values, 6 output values, one dataset an hour"
        )
    }

    /// Whole weeks of the year in random order: the test part overlaps no training data, and is not of the winter
    /// alone, as the last tenth of the year would be.
    static let split: JSONValue = [
        "trainPercentage": 70, "valPercentage": 20, "testPercentage": 10, "shuffle": true,
        "blockLength": .integer(hoursPerWeek), "seed": 42,
    ]
    static let hoursPerWeek: Int64 = 168

    func generateDatasets(_ session: TrainingSessionName, _ account: TourAccount) async throws {
        let path = "/api/training/generate-datasets/\(session.id)"
        let body: JSONValue = ["model_parameters": [:], "training_split": Self.split]
        let response = try await runner.step(.post, path, by: account.client, body: .json(body), expect: .ok) {
            response in
            let plots = try response.at("violin_plots").object?.count ?? 0
            return "\(try response.at("dataset_count").text) datasets, \(plots) violin plots of their columns"
        }
        // The hours of a year, without both ends and the hour of the change to summer time.
        guard let count = response["dataset_count"]?.integer, (8_700...8_760).contains(count),
            response["n_dat"]?.integer == count
        else {
            let got = response["dataset_count"]?.text ?? "none"
            throw Failure("POST \(path)\n  expected  about 8,745 datasets\n  got       \(got)")
        }
    }

    // MARK: Uploads

    func upload(_ path: String, _ series: Series, _ session: TrainingSessionName, _ account: TourAccount) async throws {
        try await upload(.file(path), named: URL(filePath: path).lastPathComponent, series, session, account)
    }

    func upload(
        _ content: Multipart.Part.Content, named name: String, _ series: Series, _ session: TrainingSessionName,
        _ account: TourAccount
    ) async throws {
        var metadata = series.metadata
        metadata["sessionId"] = .string(session.id)
        metadata["fileName"] = .string(name)
        let body = Multipart(.init("metadata", .json(.object(metadata))), .init("file", content, fileName: name))
        let response = try await runner.step(
            .post, "/api/training/instant-upload", by: account.client, body: .multipart(body),
            expect: Expectation(status: 201, members: ["success": true])
        ) { _ in "\(name) as \(series.kind), in one request" }
        try printImport(of: response)
    }

    /// Three chunks: the second before the first, which is refused, and the first twice, which counts once.
    private func uploadInChunks(
        _ path: String, _ series: Series, _ session: TrainingSessionName, _ account: TourAccount
    )
        async throws
    {
        let name = URL(filePath: path).lastPathComponent
        guard let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int64 else {
            throw Failure("The size of \(path) cannot be read.")
        }
        func send(_ index: Int64, expect: Expectation, _ description: String) async throws -> JSONValue {
            let metadata: JSONValue = [
                "sessionId": .string(session.id), "chunkIndex": .integer(index), "totalChunks": 3,
                "fileName": .string(name),
                "additionalData": ["fileMetadata": .object(series.metadata)],
            ]
            let range = size * index / 3..<size * (index + 1) / 3
            let body = Multipart(
                .init("metadata", .json(metadata)), .init("chunk", .file(path, range: range), fileName: name))
            return try await runner.step(
                .post, "/api/training/upload-chunk", by: account.client, body: .multipart(body), expect: expect,
                description)
        }
        func received(_ count: Int64) -> Expectation {
            .ok(["success": true, "receivedChunks": .integer(count), "totalChunks": 3])
        }
        let missing = Expectation.refused(
            409, "chunk-missing", "The first chunk of this upload has not arrived", ["next_chunk": 0])
        _ = try await send(1, expect: missing, "chunk 2 of 3 of \(name), before chunk 1")
        _ = try await send(0, expect: received(1), "chunk 1 of 3")
        _ = try await send(0, expect: received(1), "chunk 1 again, as after a lost response: it counts once")
        _ = try await send(1, expect: received(2), "chunk 2 of 3")
        try printImport(of: try await send(2, expect: received(3), "chunk 3 of 3: the file is complete"))
    }

    private func printImport(of response: JSONValue) throws {
        do {
            let file = try response.at("file")
            let report = try file.at("import")
            let time = "time in '\(try report.text(at: "timeColumn"))' as \(try report.text(at: "timeFormat"))"
            let columns = "\(time), value in '\(try report.text(at: "valueColumn"))'"
            let missing = try report.number(at: "missingSteps")
            let gap =
                missing > 0 ? ", \(Int(missing)) hour missing after \(report["largestGapAfter"]?.string ?? "?")" : ""
            runner.note("import: \(try file.at("numerischeDatenpunkte").text) rows, \(columns)\(gap)")
        } catch let difference as Difference {
            throw Failure("The report of the import\n  expected  \(difference.expected)\n  got       \(difference.got)")
        }
    }
}
