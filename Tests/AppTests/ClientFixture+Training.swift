import App
import Base
import Client
import Foundation
import Identity
import Modules
import TestKit
import Testing

extension ClientFixture {
    /// Changes the plan as an administrator, on the same database and beside the server process.
    func put(on plan: String, folder: URL, database: String) async throws {
        var configuration = Configuration()
        configuration.dataFolder = folder.path()
        configuration.databaseURL = database
        configuration.bcryptRounds = 4
        let app = try await buildApp(configuration, in: AppDependencies(logOutput: LogOutput(keepsLines: true)))
        _ = try await app.identity.registration.createAdministrator(
            email: "root@example.org", password: TestApp.password)
        let test = TestApp(
            app: app, clock: TestClock(Runtime.system.now()), engine: .sqlite, log: LogOutput(keepsLines: true))
        let login = await test.call(
            "POST", "/v1/auth/login", json: ["email": "root@example.org", "password": .string(TestApp.password)])
        let token = try #require(login["access_token"]?.string)
        let adjusted = await test.call(
            "POST", "/v1/payments/subscriptions/\(id)/adjust", json: ["plan": .string(plan)], token: token)
        #expect(adjusted.status == 200)
        await app.database.close()
    }

    /// Creates a training session with a series as its input and its output, and generates its datasets.
    /// - Returns: the id of the session.
    func prepareDatasets(at server: ServerProcess) async throws -> String {
        let session = "session_1_process"
        _ = try await send(server, .post, "/v1/training/init-session", .json(["sessionId": .string(session)]))
        let rows = (0..<3_000).map { hour in
            "\(Instant(seconds: 1_262_304_000 + Int64(hour) * 3_600));\(Double(hour % 24) + Double(hour % 7) / 10)"
        }
        let csv = Array((["UTC;value"] + rows).joined(separator: "\n").utf8)
        for kind in ["input", "output"] {
            let metadata = "{\"sessionId\":\"\(session)\",\"fileName\":\"a.csv\",\"type\":\"\(kind)\"}"
            let form = multipart([("metadata", metadata)], file: ("file", "a.csv", csv))
            let response = try await send(
                server, .post, "/v1/training/instant-upload", .bytes(form.bytes, mediaType: form.contentType))
            #expect(response.status == 201, "\(response)")
        }
        let steps: JSONValue = [
            "sessionId": .string(session),
            "zeitschritte": ["eingabe": 12, "ausgabe": 12, "zeitschrittweite": 60, "offset": 0],
        ]
        _ = try await send(server, .post, "/v1/training/save-zeitschritte", .json(steps))
        let generated = try await send(server, .post, "/v1/training/generate-datasets/\(session)", .json([:]))
        #expect(generated.status == 200, "\(generated)")
        return session
    }
}
