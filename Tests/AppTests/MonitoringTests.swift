import App
import Base
import Foundation
import Modules
import TestKit
import Testing

/// What developers and administrators see of a running installation.
@Suite struct MonitoringTests {
    /// Runs `body` with a machine whose load the test writes.
    private func withMachine(
        _ engine: Engine,
        _ body: (TestApp, _ write: (_ file: String, _ text: String) throws -> Void) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "gatehouse-proc-\(Hex.encode(Runtime.system.randomBytes(8)))")
        try FileManager.default.createDirectory(
            at: folder.appending(path: "self"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await withTestApp(engine, replace: { $0.processFolder = folder.path() }) { app in
            try await body(app) { file, text in
                try Data(text.utf8).write(to: folder.appending(path: file))
            }
        }
    }

    @Test func `only developers and administrators see the log, the state and the alerts`() async throws {
        try await withTestApp(.sqlite) { app in
            let (person, administrator) = (try await app.register(), try await app.administrator())
            for path in [
                "debug/logs", "debug/environment", "monitoring/health", "monitoring/metrics", "monitoring/status",
                "monitoring/dashboard", "monitoring/test-metrics", "monitoring/alerts",
            ] {
                for spelling in ["/v1/\(path)", "/api/\(path)", "/api/v1/\(path)"] {
                    #expect(await app.call("GET", spelling).status == 401, "\(spelling)")
                    #expect(await app.call("GET", spelling, token: person.token).code == "insufficient-role")
                    let answer = await app.call("GET", spelling, token: administrator.token)
                    #expect(answer.status == 200, "\(spelling): \(answer)")
                }
            }
            for path in ["/v1/debug/test/error", "/v1/debug/cache/clear"] {
                #expect(await app.call("POST", path, token: person.token).code == "insufficient-role")
                #expect(await app.call("POST", path, token: administrator.token).status == 200)
            }
        }
    }

    @Test func `the log has the newest lines of this process, at a level or above, without secrets`() async throws {
        try await withTestApp(.sqlite) { app in
            let administrator = try await app.administrator()
            app.app.logger.warning("a warning", metadata: ["refresh_token": "hunter2", "count": .stringConvertible(3)])
            app.app.logger.debug("below the level of the log")
            let reported = await app.call("POST", "/v1/debug/test/error", token: administrator.token)
            let reference = try #require(reported["reference"]?.string)

            let warnings = await app.call("GET", "/v1/debug/logs?level=warning", token: administrator.token)
            let lines = try #require(warnings["logs"]?.array)
            #expect(
                lines.map { $0["message"] }.suffix(2) == [
                    "a warning", "a test error, which a developer has asked for",
                ])
            #expect(lines.allSatisfy { ["warning", "error", "critical"].contains($0["level"]?.string) })
            let found = lines.first { $0["message"] == "a warning" }
            let warning = try #require(found)
            #expect(warning["fields"] == ["refresh_token": "[redacted]", "count": 3])
            #expect(warning["logger"] == "gatehouse" && warning["timestamp"]?.string.flatMap { Instant($0) } != nil)
            #expect(lines.last?["fields"]?["reference"] == .string(reference))
            #expect(!warnings.text.contains("hunter2"))

            // Requests are lines too: the last one before this is the newest.
            let newest = await app.call("GET", "/v1/debug/logs?lines=1", token: administrator.token)
            #expect(newest["total"] == 1 && newest["logs"]?[0]?["fields"]?["path"] == "/v1/debug/logs", "\(newest)")
            for query in ["lines=0", "lines=1001", "lines=x", "lines=-1", "level=loud", "level="] {
                let refused = await app.call("GET", "/v1/debug/logs?\(query)", token: administrator.token)
                #expect(refused.status == 422 && refused.code == "validation-failed", "\(query): \(refused)")
            }
        }
    }

    @Test func `the log that is kept is bounded, and in the order of its lines`() async throws {
        try await withTestApp(.sqlite) { app in
            let administrator = try await app.administrator()
            for number in 0..<1_200 { app.app.logger.notice("line \(number)") }
            app.app.logger.notice("\(String(repeating: "x", count: 10_000))")
            let all = await app.call("GET", "/v1/debug/logs?lines=1000&level=notice", token: administrator.token)
            let messages = (all["logs"]?.array ?? []).compactMap { $0["message"]?.string }
            #expect(messages.first == "line 200" && messages.last == "line 1199" && messages.count == 1_000)
        }
    }

    @Test(arguments: Engine.available)
    func `no number of requests pushes a warning or an error out of the log`(_ engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator()
            let reported = await app.call("POST", "/v1/debug/test/error", token: administrator.token)
            let reference = try #require(reported["reference"])
            app.app.logger.warning("the oldest warning")
            for number in 0..<1_100 { app.app.logger.notice("line \(number)") }
            func messages(_ level: String) async -> [JSONValue] {
                await app.call("GET", "/v1/debug/logs?lines=1000&level=\(level)", token: administrator.token)["logs"]?
                    .array ?? []
            }
            #expect(await messages("warning").contains { $0["message"] == "the oldest warning" })
            for number in 0..<1_100 { app.app.logger.warning("warning \(number)") }
            #expect(await messages("error").contains { $0["fields"]?["reference"] == reference })
            let warnings = await messages("warning")
            #expect(warnings.count == 1_000 && warnings.last?["message"] == "warning 1099")
        }
    }

    @Test(arguments: Engine.available)
    func `alerts are the numbers above their thresholds, when they are asked for`(_ engine: Engine) async throws {
        try await withMachine(engine) { app, write in
            let administrator = try await app.administrator()
            func alerts() async -> TestResponse {
                await app.call("GET", "/v1/monitoring/alerts", token: administrator.token)
            }
            // Without numbers there are no alerts.
            #expect(await alerts()["alerts"] == [])
            try write("meminfo", "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    200 kB\n")
            try write("stat", "cpu  70 0 10 20 0 0 0 0 0 0\ncpu0 70 0 10 20 0 0 0 0 0 0\n")
            // 80 is not above 80.
            #expect(await alerts()["alerts"] == [])
            try write("meminfo", "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    150 kB\n")
            let memory = await alerts()
            #expect(memory["total"] == 1, "\(memory)")
            #expect(memory["alerts"]?[0]?["name"] == "memory" && memory["alerts"]?[0]?["value"] == 85)
            #expect(memory["alerts"]?[0]?["threshold"] == 80 && memory["alerts"]?[0]?["severity"] == "warning")

            for number in 0..<11 {
                let person = try await app.register("person\(number)")
                for _ in 0..<(number < 10 ? 10 : 1) {
                    let created = await app.call("POST", "/v1/sessions", json: [:], token: person.token)
                    #expect(created.status == 201, "\(created)")
                }
            }
            let names = await alerts()["alerts"]?.array?.map { $0["name"] }
            #expect(names == ["memory", "sessions"])
            let status = await app.call("GET", "/v1/monitoring/status", token: administrator.token)
            #expect(status["active_sessions"] == 101 && status["memory_percent"] == 85, "\(status)")
            #expect(status["status"] == "healthy" && status["jobs_dead"] == 0)
            let dashboard = await app.call("GET", "/v1/monitoring/dashboard", token: administrator.token)
            #expect(dashboard["status"]?["active_sessions"] == 101)
            #expect(dashboard["alerts"]?.array?.count == 2 && dashboard["components"]?.array?.isEmpty == false)
            // Idle sessions are not counted.
            app.clock.advance(by: .hours(2))
            let later = try await app.administrator()
            let idle = await app.call("GET", "/v1/monitoring/alerts", token: later.token)
            #expect(idle["alerts"]?.array?.map { $0["name"] } == ["memory"], "\(idle)")
        }
    }

    @Test func `busy processors are an alert`() async throws {
        try await withMachine(.sqlite) { app, write in
            let administrator = try await app.administrator()
            try write("stat", "cpu  70 5 10 14 1 0 0 0 0 0\n")
            let alerts = await app.call("GET", "/v1/monitoring/alerts", token: administrator.token)
            #expect(alerts["alerts"]?[0]?["name"] == "cpu" && alerts["alerts"]?[0]?["value"] == 85, "\(alerts)")
            // Within a second the last number is given again.
            try write("stat", "cpu  70 5 10 1014 1 0 0 0 0 0\n")
            #expect(await app.call("GET", "/v1/monitoring/alerts", token: administrator.token)["total"] == 1)
        }
    }

    @Test func `the load of this machine is read`() async throws {
        try await withTestApp(.sqlite) { app in
            let administrator = try await app.administrator()
            let status = await app.call("GET", "/v1/monitoring/status", token: administrator.token)
            #expect(status["memory_percent"]?.number.map { (0.1...100).contains($0) } == true, "\(status)")
            #expect(status["process_memory_bytes"]?.integer ?? 0 > 1 << 20)
            #expect(status["cpu_percent"]?.number.map { (0...100).contains($0) } == true)
        }
    }

    @Test func `a metric can be counted to see that it arrives`() async throws {
        try await withTestApp(.sqlite) { app in
            let administrator = try await app.administrator()
            for value in 1...2 {
                let counted = await app.call("GET", "/v1/monitoring/test-metrics", token: administrator.token)
                #expect(counted["value"] == .integer(Int64(value)))
            }
            #expect(await app.call("GET", "/metrics").text.contains("gatehouse_monitoring_tests_total 2\n"))
        }
    }

    @Test func `members read the environment, and of the machine its kind alone`() async throws {
        try await withTestApp(.sqlite) { app in
            let person = try await app.register()
            for path in ["environment", "environment/summary", "environment/claude-format"] {
                #expect(await app.call("GET", "/v1/\(path)").status == 401)
                #expect(await app.call("GET", "/api/\(path)", token: person.token).status == 200)
            }
            let environment = await app.call("GET", "/v1/environment", token: person.token)
            #expect(environment["platform"] == "linux" && environment["date"] == "2026-01-31", "\(environment)")
            #expect(environment["working_directory"] == "/")
            let text = await app.call("GET", "/v1/environment/claude-format", token: person.token)["content"]?.string
            #expect(text?.hasPrefix("<env>\nWorking directory: /\n") == true)
            #expect(text?.contains("Today's date: 2026-01-31\n</env>") == true)
        }
    }
}
