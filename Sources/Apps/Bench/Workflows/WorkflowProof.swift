import App
import Foundation
import Modules
import Synchronization
import TestKit

/// Processes that run workflows and are killed, at random times and at their writes. In the end every workflow has
/// completed, or has failed where its plan says so, and each effect has happened once: files, e-mails, and requests,
/// which a step never sends under a second key unless a person has resumed its workflow.
struct WorkflowProof {
    let folder: String
    let database: String
    let engine: ProveCommand.Engine
    let count: Int
    let seed: UInt64

    private static let processes = 2
    /// Submissions at once.
    private static let width = 4
    private static let triesMax = 20
    /// For how long a person resumes workflows at most.
    private static let resumedWithin = Duration.seconds(120)

    private var killsMax: Int { min(200, max(8, count / 6)) }

    /// Gets the requests of the workflows. ``WebhookReceiver`` is that of another proof.
    private typealias Receiver = TestKit.WebhookReceiver

    /// A workflow and its id.
    private typealias Submitted = (workflow: ProofWorkflow, id: String)

    /// - Returns: the number of violations.
    func run(_ write: @escaping @Sendable (String) -> Void) async throws -> Int {
        write("\(engine): \(count) workflows, \(Self.processes) processes; seed \(seed)")
        try WorkflowServer.writePlans(credits: count, in: folder)
        var faults: [String] = []
        try await Receiver.with { receiver in
            receiver.answer { _ in
                // Processes are killed while they wait for the response, too.
                try? await Task.sleep(for: .milliseconds(Int64.random(in: 0..<20)))
                return Receiver.PreparedResponse(200, body: "ok")
            }
            let server = try await WorkflowServer(folder: folder, database: database)
            let token = try await server.registerOwner()
            let kills = Counter()
            let (submitted, agents) = try await play(server, receiver, kills, token, write)
            faults += try await allInvariants.faults(in: server.app.database)
            if agents > WorkflowServer.agents { faults.append("\(agents) agents worked at once") }
            faults += Self.faults(of: receiver, resumed: [:])
            let resumed = try await resumeAll(server, submitted, token)
            faults += try await allInvariants.faults(in: server.app.database)
            faults += Self.faults(of: receiver, resumed: resumed)
            let mails = try WrittenMails(dataFolder: folder)
            faults += mails.repeated.map { "an e-mail was sent twice: \($0)" }
            faults += try await compare(submitted, server, receiver, mails)
            faults += try await levels(submitted, server, token)
            for fault in Set(faults).sorted().prefix(20) { write("  ✘ \(fault)") }
            write(
                """
                  workflows \(submitted.count), kills \(kills.count), resumed by a person \
                \(resumed.values.reduce(0, +)), e-mails \(mails.count), requests \(receiver.messages.count), \
                agents at once \(agents)
                  violations \(faults.count)
                """)
            await server.app.close()
        }
        return faults.count
    }

    // MARK: What happens

    /// Submits all workflows while processes run them and are killed.
    /// - Returns: the workflows, and the most agents that were seen working at once.
    private func play(
        _ server: WorkflowServer, _ receiver: Receiver, _ kills: Counter, _ token: String,
        _ write: @escaping @Sendable (String) -> Void
    ) async throws -> ([Submitted], agents: Int) {
        let database = server.app.database
        return try await Progress.write(to: write) {
            "\(try await Self.states(in: database)); \(kills.count) kills"
        } during: {
            let watch = Task {
                var most: Int64 = 0
                while !Task.isCancelled {
                    // The end of the watch cancels its read.
                    let working = try? await database.read {
                        try $0.count("SELECT COUNT(*) AS count FROM workflow_agents WHERE state = 'working'")
                    }
                    most = max(most, working ?? 0)
                    try? await Task.sleep(for: .milliseconds(20))
                }
                return Int(most)
            }
            defer { watch.cancel() }
            async let submitted = submitAll(to: server, receiver.url, token)
            try await KilledWorkers(
                folder: folder, count: Self.processes, killsMax: killsMax, writesMax: 400,
                arguments: ["workflow-work", "--folder", folder, "--database", self.database], seed: seed
            ).run(counting: kills)
            watch.cancel()
            return (try await submitted, await watch.value)
        }
    }

    private func submitAll(to server: WorkflowServer, _ url: String, _ token: String) async throws -> [Submitted] {
        let submitted = try await withThrowingTaskGroup(of: [Submitted].self) { group in
            for lane in 0..<Self.width {
                group.addTask { [count] in
                    var submitted: [Submitted] = []
                    for number in stride(from: lane, to: count, by: Self.width) {
                        let workflow = ProofWorkflow(number: number, receiver: url)
                        submitted.append((workflow, try await Self.submit(workflow, to: server, token)))
                    }
                    return submitted
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        SubmissionMark(in: folder).write()
        return submitted
    }

    /// Submits a workflow, again where the database is busy.
    private static func submit(_ workflow: ProofWorkflow, to server: WorkflowServer, _ token: String) async throws
        -> String
    {
        for _ in 1..<triesMax {
            if let id = try? await server.submit(workflow.intent, key: workflow.name, token: token) { return id }
            try await Task.sleep(for: .milliseconds(100))
        }
        return try await server.submit(workflow.intent, key: workflow.name, token: token)
    }

    /// Resumes what waits for a person, such as a request whose process was killed before the response, and runs it, until
    /// every workflow has ended.
    /// - Returns: how often the request of each workflow was to be sent again, by the name of the workflow.
    private func resumeAll(_ server: WorkflowServer, _ submitted: [Submitted], _ token: String) async throws
        -> [String: Int]
    {
        let names = Dictionary(uniqueKeysWithValues: submitted.map { ($0.id, $0.workflow.name) })
        let deadline = ContinuousClock.now + Self.resumedWithin
        var resumed: [String: Int] = [:]
        try await server.runningJobs {
            while ContinuousClock.now < deadline {
                let (paused, requests) = try await server.app.database.read { transaction in
                    (
                        try transaction.all("SELECT id FROM workflows WHERE state = 'paused' ORDER BY id") {
                            try $0.read("id", as: String.self)
                        },
                        try transaction.all(
                            """
                            SELECT workflow_id FROM workflow_steps
                                JOIN workflows ON workflows.id = workflow_steps.workflow_id
                            WHERE workflows.state = 'paused' AND workflow_steps.state = 'failed' AND node_id = 'post'
                            """
                        ) { try $0.read("workflow_id", as: String.self) }
                    )
                }
                for id in requests { resumed[names[id] ?? id, default: 0] += 1 }
                for id in paused { _ = try await server.app.post("/v1/workflows/\(id)/resume", token: token) }
                if paused.isEmpty, try await server.countActive() == 0, try await Self.hasNoJobs(server) { break }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        return resumed
    }

    /// Whether the e-mails have been delivered, too.
    private static func hasNoJobs(_ server: WorkflowServer) async throws -> Bool {
        try await server.app.database.read {
            try $0.count(
                """
                SELECT COUNT(*) AS count FROM jobs
                WHERE state IN ('available', 'leased', 'retryable') AND kind IN ('mail.deliver', 'workflows.step')
                """)
        } == 0
    }

    private static func states(in database: any Database) async throws -> String {
        try await database.read { transaction in
            try transaction.all("SELECT state, COUNT(*) AS count FROM workflows GROUP BY state ORDER BY state") {
                "\(try $0.read("state", as: String.self)) \(try $0.read("count", as: Int64.self))"
            }
        }.joined(separator: ", ")
    }

    // MARK: What is there

    /// Keys that were sent twice, and further keys of steps that no person has resumed.
    private static func faults(of receiver: Receiver, resumed: [String: Int]) -> [String] {
        let requests = Dictionary(grouping: receiver.messages) { String(decoding: $0.body, as: UTF8.self) }
        return requests.flatMap { name, messages -> [String] in
            let keys = messages.map { $0.headers["idempotency-key"] ?? "" }
            var faults: [String] = []
            if Set(keys).count != keys.count || keys.contains("") {
                faults.append("a request of \(name) was sent twice under one key, or without a key")
            }
            let allowed = 1 + resumed[name, default: 0]
            if Set(keys).count > allowed {
                faults.append("\(name) has sent \(Set(keys).count) requests; \(allowed) are allowed")
            }
            return faults
        }
    }

    /// A workflow as the database has it.
    private struct Stored: Sendable {
        let state: String
        let errorCode: String?
        let stepsCompleted: Int64
        /// Entries of the audit trail about steps that have succeeded.
        let successes: Int64

        init(row: Row) throws {
            state = try row["state"]
            errorCode = try row["error_code"]
            stepsCompleted = try row["steps_completed"]
            successes = try row["successes"]
        }
    }

    private struct StoredFile: Sendable {
        let root: String
        let path: String
        let bytes: Int64
        let sha256: String

        init(row: Row) throws {
            root = try row["root_id"]
            path = try row["path"]
            bytes = try row["bytes"]
            sha256 = try row["sha256"]
        }
    }

    private func compare(
        _ submitted: [Submitted], _ server: WorkflowServer, _ receiver: Receiver, _ mails: WrittenMails
    ) async throws -> [String] {
        let (stored, files, working) = try await server.app.database.read { transaction in
            (
                try transaction.all(
                    """
                    SELECT id, state, error_code, steps_completed, (
                        SELECT COUNT(*) FROM audit_events
                        WHERE subject = workflows.id AND action = 'workflow.step_completed') AS successes
                    FROM workflows
                    """
                ) { (try $0.read("id", as: String.self), try Stored(row: $0)) },
                try transaction.all("SELECT root_id, path, bytes, sha256 FROM workflow_files", StoredFile.init),
                try transaction.count(
                    "SELECT COUNT(*) AS count FROM workflow_agents WHERE state IN ('working', 'waiting')")
            )
        }
        var faults = working == 0 ? [] : ["\(working) agents have no end"]
        for (id, row) in stored where row.stepsCompleted != row.successes {
            faults.append("\(id): \(row.stepsCompleted) steps have succeeded, and \(row.successes) entries say so")
        }
        let rows = Dictionary(uniqueKeysWithValues: stored)
        let folders = Dictionary(grouping: files, by: \.root)
        let subjects = mails.subjects
        let requests = Set(receiver.messages.map { String(decoding: $0.body, as: UTF8.self) })
        if Set(submitted.map(\.id)).count != count { faults.append("\(submitted.count) workflows were submitted") }
        for (workflow, id) in submitted {
            let row = rows[id]
            let state = workflow.errorCode == nil ? "completed" : "failed"
            if row?.state != state || row?.errorCode != workflow.errorCode {
                faults.append("\(workflow.name) is \(row?.state ?? "missing") \(row?.errorCode ?? "")")
            }
            let written = (folders[id] ?? []).sorted { $0.path < $1.path }
            if written.map(\.path) != workflow.files {
                faults.append("\(workflow.name) has the files \(written.map(\.path))")
            }
            for file in written where bytes(of: file) != file.bytes {
                faults.append("the content of \(file.path) of \(workflow.name) is not on the disk")
            }
            if subjects[workflow.name, default: 0] != workflow.emails {
                faults.append("\(workflow.name) has sent \(subjects[workflow.name, default: 0]) e-mails")
            }
            if requests.contains(workflow.name) != workflow.sendsRequest {
                faults.append("\(workflow.name) has \(workflow.sendsRequest ? "sent no" : "sent a") request")
            }
        }
        return faults
    }

    private func bytes(of file: StoredFile) -> Int64? {
        let path = "\(folder)/files/workflows/\(file.root)/\(file.sha256)"
        return (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber)?.int64Value
    }

    /// Credits and units that are not those of the workflows of which a step has succeeded.
    private func levels(_ submitted: [Submitted], _ server: WorkflowServer, _ token: String) async throws -> [String] {
        let trial = try await server.app.get("/v1/payments/trial-status", token: token)
        let meter = try await server.app.get("/v1/usage", token: token)["meters"]?["workflows"]
        let spent = Int64(submitted.count { $0.workflow.kind != .unclear })
        let found = [trial["credits_remaining"]?.integer, meter?["used"]?.integer, meter?["held"]?.integer]
        let expected = [Int64(count) - spent, spent, 0]
        return found == expected ? [] : ["credits left, used and reserved units are \(found), not \(expected)"]
    }
}
