import App
import Client
import Foundation
import Modules

/// The requests of the tour of Workflows: a sentence from the sign-up to its file and its e-mail, a budget that ends, and
/// a server that is killed in the middle of a workflow.
struct WorkflowsTour: Sendable {
    let runner: TourRunner
    /// Of the data of the server.
    let folder: URL
    /// The value of `DATABASE_URL`.
    let databaseURL: String
    let isPostgres: Bool

    private static let email = "owner@example.org"
    private static let password = "a-long-and-winding-road"
    private static let table = "region,amount\nnorth,120\nsouth,40\nnorth,80.5\n"
    private static let endWithin = Duration.seconds(60)
    private static let pollEvery = Duration.milliseconds(20)

    /// Starts the server, runs the tour, and kills the server, whose data are deleted afterwards.
    func run() async throws {
        try await TourService.with(table: Self.table) { service, url in
            let process = try await start()
            runner.begin(
                "The tour of Gatehouse \(gatehouseVersion)",
                "at \(process.client.baseURL), on \(isPostgres ? "PostgreSQL" : "SQLite")")
            do { try await show(process, service, url) } catch {
                await process.kill()
                throw error
            }
        }
    }

    private func start() async throws -> TourProcess {
        try await TourProcess.start(
            in: folder,
            [
                "DATABASE_URL": databaseURL, "RATE_LIMIT_ENABLED": "false", "JOB_LEASE_SECONDS": "3",
                // The service of the tour is on this machine.
                "OUTBOUND_PRIVATE_NETWORKS": "127.0.0.1",
            ])
    }

    private func show(_ process: TourProcess, _ service: TourService, _ url: String) async throws {
        runner.section("An account; its trial begins with the verified address")
        let token = try await register(process.client)
        let client = process.client.signedIn(with: token)
        try await showCredits(10, client)

        runner.section("A sentence is planned by rules, and run")
        try await runSentence(client)
        try await showCredits(9, client)

        runner.section("A sentence of no form costs nothing; a budget stops a workflow before the step that exceeds it")
        try await refuse(client)
        try await exceedBudget(client)
        try await showCredits(8, client)

        runner.section("The server is killed while a step waits for a response")
        try await kill(process, service, url, token)
    }

    // MARK: Account

    private func register(_ client: Client) async throws -> String {
        let response = try await runner.step(
            .post, "/v1/auth/register", by: client,
            body: .json(["email": .string(Self.email), "password": .string(Self.password)]), expect: .created,
            "\(Self.email) is registered")
        let code = try await wait("the e-mail with a code") {
            mails().lazy.flatMap { $0 }.first { $0.wholeMatch(of: /[0-9]{6}/) != nil }
        }
        try await runner.step(
            .post, "/v1/auth/verify-email", by: client,
            body: .json(["email": .string(Self.email), "otp_code": .string(code)]), expect: .ok(["success": true]),
            "the code of the e-mail verifies the address")
        return try response.text(at: "access_token")
    }

    private func showCredits(_ expected: Int64, _ client: Client) async throws {
        try await runner.step(
            .get, "/v1/payments/trial-status", by: client, expect: .ok(["credits_remaining": .integer(expected)]),
            "\(expected) credits are left")
    }

    // MARK: Workflows

    private func submit(_ body: JSONValue, _ client: Client) async throws -> String {
        let accepted = try await runner.step(
            .post, "/v1/intents", by: client, body: .json(body), expect: .accepted
        ) { try $0.text(at: "message") }
        return "/v1/workflows/\(try accepted.text(at: "workflow_id"))"
    }

    /// Waits until a workflow is neither pending nor running.
    private func end(of path: String, _ client: Client) async throws {
        let deadline = ContinuousClock.now + Self.endWithin
        while ContinuousClock.now < deadline {
            let status = try await client.get(path).json?["status"]?.string
            if status != "pending", status != "running" { return }
            try await Task.sleep(for: Self.pollEvery)
        }
        throw Failure("GET \(path)\n  expected  an end within \(Self.endWithin)\n  got       none")
    }

    private func runSentence(_ client: Client) async throws {
        let path = try await submit(
            [
                "intent": .string(
                    "Read sales.csv, keep the rows where amount is at least 50, sum amount by region, then save it as "
                        + "report.json and e-mail it to me with the subject \"Sales by region\""),
                "context": ["files": ["sales.csv": .string(Self.table)]],
            ], client)
        try await end(of: path, client)
        try await runner.step(
            .get, path, by: client, expect: .ok(["status": "completed", "planner": "rules", "steps_failed": 0])
        ) { try "completed in \($0.at("steps_completed").text) steps for \($0.at("cost").text) USD" }
        try await showSteps(of: path, client)
        try await runner.step(.get, "\(path)/files/content?path=report.json", by: client, expect: .ok) { report in
            guard report[0]?["region"] == "north", report.array?.count == 1 else {
                throw Difference(expected: "one row, of the region north", got: report.text)
            }
            return report.text
        }
        try await expectMail("Sales by region")
        try await runner.step(.get, "\(path)/audit", by: client, expect: .ok) {
            try "\($0.at("total_entries").text) entries of the audit trail"
        }
    }

    private func showSteps(of path: String, _ client: Client) async throws {
        let steps = try await runner.step(.get, "\(path)/steps", by: client, expect: .ok) {
            "\($0["steps"]?.array?.count ?? 0) steps:"
        }
        for step in steps["steps"]?.array ?? [] {
            let after = (step["dependencies"]?.array ?? []).compactMap(\.string).joined(separator: ", ")
            runner.note(
                "\(Text.padded(step["step_id"]?.string ?? "", to: 8)) \(Text.padded(step["tool"]?.string ?? "", to: 14)) "
                    + "\(Text.padded(step["status"]?.string ?? "", to: 10)) \(after.isEmpty ? "" : "after \(after)")")
        }
    }

    private func refuse(_ client: Client) async throws {
        let path = try await submit(["intent": "make me rich"], client)
        try await end(of: path, client)
        try await runner.step(
            .get, path, by: client, expect: .ok(["status": "failed", "error_code": "intent-not-understood"]),
            "no form fits: the credit is back")
    }

    private func exceedBudget(_ client: Client) async throws {
        func node(_ id: String, after: [String], micros: Int64) -> JSONValue {
            [
                "id": .string(id), "description": "Write a file", "tool": "write_file",
                "arguments": ["path": .string("\(id).txt"), "text": "x"],
                "dependencies": .array(after.map { .string($0) }), "estimated_cost_micros": .integer(micros),
            ]
        }
        let nodes = [
            node("a", after: [], micros: 0), node("b", after: ["a"], micros: 0), node("c", after: ["b"], micros: 50),
        ]
        let path = try await submit(
            ["intent": "Write three files", "budget": 0.0002, "goal_graph": ["nodes": .array(nodes)]], client)
        try await end(of: path, client)
        try await runner.step(
            .get, path, by: client,
            expect: .ok(["status": "failed", "error_code": "budget-exceeded", "steps_completed": 2])
        ) { try $0.text(at: "error") }
    }

    // MARK: A killed server

    private func kill(_ process: TourProcess, _ service: TourService, _ url: String, _ token: String) async throws {
        service.hold()
        let path = try await submit(
            [
                "intent": .string(
                    "Create a file started.txt with \"begun\", then fetch \(url) and save it as fetched.csv, then e-mail it "
                        + "to me with the subject \"After the restart\"")
            ], process.client.signedIn(with: token))
        try await wait("a request of the workflow") { service.requests > 0 ? true : nil }
        await process.kill()
        runner.note("(kill -9 while the second step waits for its response; then the server is started again)")
        service.release()
        let next = try await start()
        do { try await check(path, next.client.signedIn(with: token)) } catch {
            await next.kill()
            throw error
        }
        await next.kill()
    }

    /// The workflow ends, and nothing was done twice.
    private func check(_ path: String, _ client: Client) async throws {
        try await end(of: path, client)
        try await runner.step(
            .get, path, by: client, expect: .ok(["status": "completed", "steps_failed": 0]),
            "the step ran again when the lease of its job had ended, and the workflow is completed")
        let steps = try await runner.step(.get, "\(path)/steps", by: client, expect: .ok) { steps in
            let attempts = (steps["steps"]?.array ?? []).compactMap { $0["attempts"]?.integer }
            guard !attempts.isEmpty, attempts.allSatisfy({ $0 == 1 }) else {
                throw Difference(expected: "one attempt at each step", got: "\(attempts)")
            }
            return "\(attempts.count) steps, one attempt at each"
        }
        let count = steps["steps"]?.array?.count ?? 0
        try await runner.step(.get, "\(path)/audit", by: client, expect: .ok) { audit in
            let ends = (audit["entries"]?.array ?? []).count { $0["event_type"] == "workflow.step_completed" }
            guard ends == count else { throw Difference(expected: "\(count) ends of steps", got: "\(ends)") }
            return "each of them has succeeded once"
        }
        try await expectMail("After the restart")
        try await showCredits(7, client)
    }

    // MARK: E-mails, which a server without a mail server writes to its folder

    private func expectMail(_ subject: String) async throws {
        func count() -> Int { mails().count { $0.contains("Subject: \(subject)") } }
        try await wait("the e-mail \"\(subject)\"") { count() > 0 ? true : nil }
        guard count() == 1 else { throw Failure("the e-mail \"\(subject)\"\n  expected  once\n  got       \(count())") }
        runner.note("(the e-mail \"\(subject)\" has arrived, once)")
    }

    /// The lines of each e-mail.
    private func mails() -> [[String]] {
        let folder = folder.appending(path: "mail", directoryHint: .isDirectory)
        let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
        return files.filter { $0.pathExtension == "eml" }.compactMap { try? String(contentsOf: $0, encoding: .utf8) }
            .map { mail in
                mail.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
            }
    }

    /// Waits for a value.
    @discardableResult
    private func wait<Value>(_ what: String, _ find: () -> Value?) async throws -> Value {
        let deadline = ContinuousClock.now + Self.endWithin
        while ContinuousClock.now < deadline {
            if let value = find() { return value }
            try await Task.sleep(for: Self.pollEvery)
        }
        throw Failure("\(what)\n  expected  within \(Self.endWithin)\n  got       none")
    }
}
