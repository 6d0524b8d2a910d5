import App
import Base
import Client
import Foundation
import Modules
import TestKit
import Testing

/// What is under way when a server process gets SIGTERM.
@Suite struct ShutdownTests {
    @Test(arguments: Engine.available)
    func `a request under way is answered after SIGTERM, and then the process ends`(_ engine: Engine) async throws {
        try await withProcesses(engine) { folder, place in
            let environment = ["DRAIN_GRACE": "0", "SHUTDOWN_TIMEOUT": "60"]
            let server = try await ServerProcess.start(
                folder: folder, database: place.configurationURL, environment: environment)
            defer { server.kill() }
            let client = try await ClientFixture.register(at: server, password: TestApp.password)
            let subscribed = try await client.send(server, .post, "/v1/payments/subscribe", .json(["plan": "free"]))
            #expect(subscribed.status == 201, "\(subscribed)")
            _ = try await client.send(server, .post, "/v1/training/init-session", .json(["sessionId": "s"]))
            let rows = (0..<2_000).map { "\(Instant(seconds: 1_262_304_000 + Int64($0) * 3_600));\($0 % 7)" }
            let form = multipart(
                [("metadata", #"{"sessionId":"s","fileName":"a.csv","type":"input"}"#)],
                file: ("file", "a.csv", Array((["UTC;value"] + rows).joined(separator: "\n").utf8)))
            let upload = try RawClient(port: server.port)
            try await upload.send(
                "POST /v1/training/instant-upload HTTP/1.1\r\nHost: localhost\r\n"
                    + "Authorization: Bearer \(client.token)\r\nContent-Type: \(form.contentType)\r\n"
                    + "Content-Length: \(form.bytes.count)\r\n\r\n")
            let half = form.bytes.count / 2
            try await upload.send(Array(form.bytes[..<half]))
            // The handler has begun to store the file.
            let uploads = folder.appending(path: "files/uploads").path()
            let isStored = try await ServerProcess.waits {
                (try? FileManager.default.contentsOfDirectory(atPath: uploads))?.isEmpty == false
            }
            #expect(isStored)
            server.send(SIGTERM)
            #expect(try await server.prints("the process is stopping"))
            #expect(try await ServerProcess.waits { (try? RawClient(port: server.port)) == nil })
            try await upload.send(Array(form.bytes[half...]))
            let response = try await upload.response()
            #expect(response.status == 201, "\(response.text)")
            #expect(await server.exitStatus() == 0)
            #expect(!server.output.contains("SHUTDOWN_TIMEOUT is over"))

            let next = try await ServerProcess.start(
                folder: folder, database: place.configurationURL, environment: environment)
            defer { next.kill() }
            let files = try await client.send(next, .get, "/v1/training/csv-files/s").json?["files"]?.array
            #expect(files?.count == 1 && files?.first?["fileName"]?.string == "a.csv", "\(String(describing: files))")
        }
    }

    @Test(arguments: Engine.available)
    func `a training run is handed back after SIGTERM, and the next process resumes it`(_ engine: Engine) async throws {
        try await withProcesses(engine) { folder, place in
            let environment = ["DRAIN_GRACE": "0"]
            let first = try await ServerProcess.start(
                folder: folder, database: place.configurationURL, environment: environment)
            defer { first.kill() }
            let client = try await ClientFixture.register(at: first, password: TestApp.password)
            try await client.put(on: "pro", folder: folder, database: place.configurationURL)
            let session = try await client.prepareDatasets(at: first)
            let accepted = try await client.send(
                first, .post, "/v1/training/train-models/\(session)",
                .json([
                    "model_parameters": ["MODE": "Dense", "LAY": 4, "N": 96, "EP": 2000],
                    // Without a validation part no epoch is the last one before its time.
                    "training_split": ["trainPercentage": 80, "valPercentage": 0, "testPercentage": 20],
                ]))
            #expect(accepted.status == 202, "\(accepted)")
            try await client.wait(at: first, for: session) { $0["status"]?.string == "running" }
            first.send(SIGTERM)
            #expect(await first.exitStatus() == 0)
            #expect(!first.output.contains("SHUTDOWN_TIMEOUT is over"))
            // Without its lease: the next process waits for none.
            #expect(try await jobState(place) == "available")

            let second = try await ServerProcess.start(
                folder: folder, database: place.configurationURL, environment: environment)
            defer { second.kill() }
            #expect(try await ServerProcess.waits { try await jobState(place) == "leased" })
            let held = try await client.send(second, .get, "/v1/usage").json?["meters"]?["training_runs"]
            #expect(held?["used"]?.integer == 0 && held?["held"]?.integer == 1, "\(String(describing: held))")
            #expect(try await client.send(second, .post, "/v1/training/cancellation/\(session)").status == 200)
            try await client.wait(at: second, for: session) { $0["status"]?.string == "cancelled" }
            let released = try await client.send(second, .get, "/v1/usage").json?["meters"]?["training_runs"]
            #expect(released?["used"]?.integer == 0 && released?["held"]?.integer == 0)
        }
    }

    private func jobState(_ place: TestDatabaseLocation) async throws -> String? {
        let database = try place.open()
        let state = try await database.read {
            try $0.first("SELECT state FROM jobs WHERE kind = 'training.train-model'") { try $0["state"] as String }
        }
        await database.close()
        return state
    }

    @Test(.enabled(if: Engine.available.contains(.postgres)))
    func `a start beside another node without BASE_URL is warned of, with it not`() async throws {
        try await withProcesses(.postgres) { folder, place in
            let first = try await ServerProcess.start(folder: folder, database: place.configurationURL)
            defer { first.kill() }
            // The first one listens for notifications of the others.
            let observer = try place.open()
            #expect(try await ServerProcess.waits { try await observer.otherProcesses() == 1 })
            await observer.close()
            let warning = "other nodes use this database and BASE_URL is not set"
            let second = try await ServerProcess.start(folder: folder, database: place.configurationURL)
            defer { second.kill() }
            #expect(try await second.prints(warning), "\(second.output)")
            let third = try await ServerProcess.start(
                folder: folder, database: place.configurationURL,
                environment: ["BASE_URL": "https://api.example.org", "DRAIN_GRACE": "0"])
            defer { third.kill() }
            third.send(SIGTERM)
            #expect(await third.exitStatus() == 0)
            #expect(!third.output.contains(warning) && !first.output.contains(warning))
        }
    }

    private func withProcesses(
        _ engine: Engine, _ body: (_ folder: URL, _ place: TestDatabaseLocation) async throws -> Void
    )
        async throws
    {
        try await withDatabasePlace(engine) { place in
            let folder = FileManager.default.temporaryDirectory.appending(
                path: "gatehouse-shutdown-\(Hex.encode(Runtime.system.randomBytes(6)))")
            defer { try? FileManager.default.removeItem(at: folder) }
            try await body(folder, place)
        }
    }
}
