import App
import Base
import CommandSandbox
import Foundation
import Modules
import TestKit
import Testing

/// The tool `run_command`.
@Suite(.enabled("commands can be run here") { await CommandSandbox.isTested() }) struct CommandTests {
    private func withCommands(
        _ engine: Engine, databaseWrapper: @escaping @Sendable (any Database) -> any Database = { $0 },
        _ body: (WorkflowsFixture) async throws -> Void
    ) async throws {
        try await withWorkflows(
            engine, databaseWrapper: databaseWrapper,
            change: {
                $0.runsWorkflowCommands = true
                $0.accessTokenLifetime = .days(800)
            }
        ) { workflows in
            try await workflows.app.put(workflows.person, on: "enterprise")
            try await body(workflows)
        }
    }

    private func paths(_ path: String, _ workflows: WorkflowsFixture) async -> [String] {
        await workflows.get("\(path)/files")["files"]?.array?.compactMap { $0["path"]?.string } ?? []
    }

    @Test(arguments: Engine.available)
    func `a command changes the files of the folder, after a person has consented to it`(engine: Engine) async throws {
        try await withCommands(engine) { workflows in
            let command = """
                mkdir out && sort in.txt >out/sorted.txt && rm old.txt && printf '\\377' >binary
                ln -s /etc/passwd link && ln -s ../../../../secret.key key && mkfifo pipe && echo x >.hidden
                mkdir locked && echo y >locked/in.txt && chmod 500 locked && echo done
                """
            let path = try await workflows.run(
                [
                    Node.command("run", .string(command), criteria: [["kind": "status_is", "value": 0]]),
                    Node.read("read", "out/sorted.txt", after: ["run"]),
                ],
                [
                    "context": [
                        "files": ["in.txt": "b\na\n", "old.txt": "old", "same.txt": "same"]
                    ]
                ])
            #expect(await workflows.step("run", of: path)?["status"] == "awaiting_approval")
            #expect(await paths(path, workflows) == ["in.txt", "old.txt", "same.txt"])
            let question = await workflows.get("\(path)/approvals")["approvals"]?[0]?["question"]?.string ?? ""
            #expect(question.contains("mkdir out && sort in.txt") && question.contains("\\nln -s"), "\(question)")
            #expect(question.hasSuffix("echo done"))

            try await workflows.approve(path)
            let steps = await workflows.get("\(path)/steps")
            #expect(await workflows.get(path)["status"] == "completed", "\(steps)")
            let output = await workflows.get("\(path)/steps/run")
            #expect(output["output"] == "done\n" && output["output_status"] == 0, "\(output)")
            #expect(await workflows.output("read", of: path) == "a\nb\n")
            // Links, pipes and hidden files are not kept; what was removed is gone.
            #expect(
                await paths(path, workflows) == ["binary", "in.txt", "locked/in.txt", "out/sorted.txt", "same.txt"])
            #expect(await workflows.get("\(path)/files/content?path=binary").bytes == [0xFF])
            #expect(await workflows.get("\(path)/files/content?path=link").status == 404)

            let calls = (await workflows.get("\(path)/audit")["entries"]?.array ?? []).filter {
                $0["step_id"] == "run" && $0["event_type"] == "workflow.step_completed"
            }
            let facts = calls.first?["facts"]
            #expect(calls.count == 1 && facts?["tool"] == "run_command" && facts?["cost"] == "0.001")
            #expect(facts?["arguments_sha256"]?.string?.count == 64 && facts?["output_sha256"]?.string?.count == 64)
            #expect((facts?["milliseconds"]?.string).flatMap { Int($0) } != nil)
            let copies = "\(workflows.app.app.configuration.dataFolder)/files/.scratch/workflow-commands"
            #expect(try FileManager.default.contentsOfDirectory(atPath: copies) == [])
        }
    }

    @Test(arguments: Engine.available)
    func `a command sees neither the network nor the files of the server`(engine: Engine) async throws {
        try await ScriptedServer.with(.bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) { server in
            try await withCommands(engine) { workflows in
                let folder = workflows.app.app.configuration.dataFolder
                let command = """
                    ls \(folder) 2>/dev/null && echo files
                    perl -MIO::Socket::INET \
                        -e 'IO::Socket::INET->new("127.0.0.1:\(server.port)") and print "network\\n"'
                    env | grep -v -E '^(PATH|HOME|TMPDIR|LANG|PWD|SHLVL|OLDPWD|_)='
                    echo end
                    """
                let path = try await workflows.run([Node.command("run", .string(command))])
                try await workflows.approve(path)
                let steps = await workflows.get("\(path)/steps")
                #expect(await workflows.output("run", of: path) == "end\n", "\(steps)")
                #expect(server.requests.isEmpty)
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a command that fails or exceeds a limit changes no file`(engine: Engine) async throws {
        try await withCommands(engine) { workflows in
            let cases: [(command: String, failure: String, attempts: Int64, text: String)] = [
                ("echo x >kept; echo reason >&2; exit 3", "tool_error", 3, "status 3. reason"),
                ("echo x >kept; kill -9 $$", "tool_error", 3, "signal 9"),
                ("echo x >kept; yes", "resource_exhaustion", 1, "262144 bytes"),
                ("echo x >kept; head -c 1048577 /dev/zero >large", "resource_exhaustion", 1, "1048576 bytes"),
                ("for n in $(seq 101); do echo $n >kept$n; done", "resource_exhaustion", 1, "more files"),
            ]
            for (command, failure, attempts, text) in cases {
                let path = try await workflows.run([Node.command("run", .string(command))])
                try await workflows.approve(path)
                let step = await workflows.step("run", of: path)
                #expect(
                    step?["failure"] == .string(failure) && step?["attempts"] == .integer(attempts),
                    "\(command) \(String(describing: step))")
                #expect(step?["error"]?.string?.contains(text) == true, "\(command) \(String(describing: step))")
                #expect(await workflows.get(path)["pause_reason"] == "escalated")
                #expect(await paths(path, workflows) == [], "\(command)")
            }
            // A criterion about the status says which one is expected.
            let expected = try await workflows.run([
                Node.command("run", "echo x >kept; exit 3", criteria: [["kind": "status_is", "value": 3]])
            ])
            try await workflows.approve(expected)
            #expect(await workflows.get(expected)["status"] == "completed")
            #expect(await workflows.get("\(expected)/steps/run")["output_status"] == 3)
            #expect(await paths(expected, workflows) == ["kept"])
        }
    }

    @Test(arguments: Engine.available)
    func `commands are for client graphs of plans that include them, and stand in the plan`(engine: Engine)
        async throws
    {
        try await withCommands(engine) { workflows in
            let trial = try await workflows.app.register("trial")
            _ = await workflows.post("/v1/payments/start-trial", as: trial)
            let refused = await workflows.submit(
                "Run it", ["goal_graph": ["nodes": [Node.command("run", "true")]]], as: trial)
            #expect(refused.status == 422 && refused.text.contains("needs the trust level elevated"), "\(refused)")

            let path = try await workflows.run(
                [
                    Node.read("text", "command.txt"),
                    Node.command("run", Node.output("text"), after: ["text"]),
                ], ["context": ["files": ["command.txt": "echo x >made"]]])
            try await workflows.approve(path)
            #expect(await workflows.step("run", of: path)?["failure"] == "policy_violation")
            #expect(await paths(path, workflows) == ["command.txt"])
        }
        try await withWorkflows(engine) { workflows in
            try await workflows.app.put(workflows.person, on: "enterprise")
            let off = await workflows.submit(nodes: [Node.command("run", "true")])
            #expect(off.status == 422 && off.text.contains("not offered"), "\(off)")
        }
    }

    @Test(arguments: Engine.available)
    func `a command whose process is killed at any commit leaves its changes once`(engine: Engine) async throws {
        let faults = UnavailableDatabase.Switch()
        try await withCommands(engine, databaseWrapper: faults.wrap) { workflows in
            func make() async throws -> String {
                try await workflows.run(
                    [Node.command("run", "echo line >>log.txt")], ["context": ["files": ["log.txt": "first\n"]]])
            }
            var path = try await make()
            let kills = try await faults.killAtEachCommit { _ in
                try await workflows.approve(path)
            } recover: { _ in
                // The lease of a killed process ends.
                for _ in 1...3 {
                    workflows.app.clock.advance(by: .minutes(1))
                    try await workflows.approve(path)
                }
                let steps = await workflows.get("\(path)/steps")
                #expect(await workflows.get(path)["status"] == "completed", "\(steps)")
                #expect(await workflows.get("\(path)/files/content?path=log.txt").text == "first\nline\n")
                try await workflows.requireInvariants()
                path = try await make()
            }
            #expect(kills > 3)
        }
    }

    @Test(arguments: Engine.available)
    func `a copy that a killed process has left is removed an hour later`(engine: Engine) async throws {
        try await withCommands(engine) { workflows in
            let copies = "\(workflows.app.app.configuration.dataFolder)/files/.scratch/workflow-commands"
            let runtime = Runtime(now: { workflows.app.clock.now }, randomBytes: Runtime.system.randomBytes)
            let left = "\(copies)/\(runtime.id(of: CommandTests.self))"
            try FileManager.default.createDirectory(atPath: left, withIntermediateDirectories: true)
            try Data("x".utf8).write(to: URL(filePath: "\(left)/file"))
            workflows.app.clock.advance(by: .minutes(30))
            try await workflows.app.runJobs()
            #expect(FileManager.default.fileExists(atPath: left))
            workflows.app.clock.advance(by: .minutes(31))
            try await workflows.app.runJobs()
            #expect(!FileManager.default.fileExists(atPath: left))
        }
    }
}

/// The start of a process that may run commands.
@Suite struct CommandStartTests {
    @Test func `a start without bubblewrap is refused where commands are switched on`() async throws {
        try await withTestApp(
            .sqlite, change: { $0.runsWorkflowCommands = true }, replace: { $0.bubblewrap = "/nonexistent/bwrap" }
        ) { app in
            let fault = await #expect(throws: ConfigurationFaults.self) {
                try await app.app.work(stopOnSignals: false)
            }
            #expect(fault?.description.contains("WORKFLOW_COMMANDS: there is no command sandbox") == true)
        }
    }
}
