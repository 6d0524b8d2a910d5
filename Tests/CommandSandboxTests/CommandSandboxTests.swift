import CommandSandbox
import Foundation
import TestKit
import Testing

@Suite(.runsCommands) struct CommandSandboxTests {
    private let fixture: SandboxFixture

    init() throws { fixture = try SandboxFixture() }

    @Test func `a command gets its input, and its outputs and its status are returned`() async throws {
        let result = try await fixture.run(["sh", "-c", "cat; echo error >&2; exit 3"], input: "one\ntwo\n")
        #expect(result.end == .exited(status: 3))
        #expect(result.standardOutput.text == "one\ntwo\n")
        #expect(result.standardError.text == "error\n")
        #expect(!result.standardOutput.isTruncated && !result.standardError.isTruncated)
        #expect(result.usage.processorTime > .zero && result.usage.wallTime > .zero)
        #expect((0...100_000_000).contains(result.usage.memory))
    }

    @Test func `arguments and variables reach the command as they are`() async throws {
        let texts = [
            "", " ", "it's", "\"", "$HOME", "`id`", "$(id)", "a\nb", "\\", "--", "-e", "ä€😀", "*", ";exit 9", "A=b",
        ]
        let arguments = try await fixture.run(["perl", "-e", #"print map { "<$_>" } @ARGV"#, "--"] + texts)
        #expect(arguments.standardOutput.text == texts.map { "<\($0)>" }.joined())
        for text in texts {
            let variable = try await fixture.run(["perl", "-e", "print $ENV{TEXT}"], environment: ["TEXT": text])
            #expect(variable.standardOutput.text == text)
        }
    }

    @Test func `the environment is the default one with the command's own`() async throws {
        let result = try await fixture.run(["env"], environment: ["OWN": "value", "LANG": "C"])
        let lines = result.standardOutput.text.split(separator: "\n").sorted()
        #expect(
            lines == ["HOME=/workspace", "LANG=C", "OWN=value", "PATH=/usr/local/bin:/usr/bin:/bin", "TMPDIR=/tmp"])
    }

    @Test func `a library that the environment names is loaded into the command alone`() async throws {
        let result = try await fixture.run(["true"], environment: ["LD_PRELOAD": "/workspace/none.so"])
        // The loader complains once for each program that gets the variable: env would be the second one.
        #expect(result.standardError.text.components(separatedBy: "none.so").count == 2)
    }

    @Test func `files of the folder are read and written`() async throws {
        try fixture.write("before", to: "private.txt", permissions: 0o600)
        let result = try await fixture.shell("pwd; cat private.txt; echo after >private.txt; mkdir a; echo b >a/b")
        #expect(result.standardOutput.text == "/workspace\nbefore")
        #expect(try fixture.text(of: "private.txt") == "after\n")
        #expect(try fixture.text(of: "a/b") == "b\n")
    }

    @Test func `what is in /tmp ends with the command`() async throws {
        let first = try await fixture.shell("echo kept >/tmp/file; cat /tmp/file")
        #expect(first.standardOutput.text == "kept\n")
        let second = try await fixture.shell("ls -A /tmp /dev/shm/")
        #expect(second.standardOutput.text == "/dev/shm/:\n\n/tmp:\n")
    }

    @Test func `a missing program, one that cannot be executed, and a signal are ends of their own`() async throws {
        try fixture.write("text", to: "text.txt")
        #expect(try await fixture.run(["no-such-program"]).end == .exited(status: 127))
        #expect(try await fixture.run(["./text.txt"]).end == .exited(status: 126))
        #expect(try await fixture.shell("kill -TERM $$").end == .signaled(SIGTERM))
        #expect(try await fixture.perl("kill 'SEGV', $$").end == .signaled(SIGSEGV))
    }

    @Test func `the time that passes is limited`() async throws {
        let marker = fixture.marker
        let result = try await fixture.shell("sleep \(marker) & sleep \(marker)") {
            $0.wallTime = .milliseconds(200)
        }
        #expect(result.end == .limitReached(.wallTime))
        #expect(try fixture.markedProcesses.isEmpty)
    }

    @Test func `the processor time of all processes together is limited`() async throws {
        let result = try await fixture.shell("(while :; do :; done) & (while :; do :; done) & wait") {
            $0.processorTime = .milliseconds(200)
        }
        #expect(result.end == .limitReached(.processorTime))
        #expect(result.usage.processorTime >= .milliseconds(200))
    }

    @Test func `a cancelled task ends its command`() async throws {
        let (fixture, marker) = (fixture, fixture.marker)
        let task = Task { try await fixture.shell("echo >begun; sleep \(marker) & sleep \(marker)") }
        #expect(try await eventually { fixture.exists("begun") })
        task.cancel()
        await #expect(throws: CommandSandboxError.cancelled) { try await task.value }
        #expect(try fixture.markedProcesses.isEmpty)
    }

    @Test func `a command that waits is cancelled at once, and one too many is refused`() async throws {
        let folder = fixture.folder.path
        let sandbox = CommandSandbox(concurrency: 1, queueCapacity: 1)
        let running = Task {
            try await sandbox.run(SandboxedCommand(["sh", "-c", "echo >begun; sleep 60"], folder: folder))
        }
        let fixture = fixture
        #expect(try await eventually { fixture.exists("begun") })
        let waiting = Task { try await sandbox.run(SandboxedCommand(["touch", "late"], folder: folder)) }
        // One of the two waits, and the other one is refused.
        let refused = Task { try await sandbox.run(SandboxedCommand(["touch", "late"], folder: folder)) }
        let outcome = await firstError(of: [waiting, refused])
        #expect(outcome == .overloaded)
        for task in [waiting, refused] { task.cancel() }
        for task in [waiting, refused] { await #expect(throws: CommandSandboxError.self) { try await task.value } }
        #expect(!fixture.exists("late"))
        running.cancel()
        await #expect(throws: CommandSandboxError.cancelled) { try await running.value }
        #expect(!fixture.exists("late"))
    }

    private func firstError(of tasks: [Task<CommandResult, any Error>]) async -> CommandSandboxError? {
        await withTaskGroup(of: CommandSandboxError?.self) { group in
            for task in tasks {
                group.addTask {
                    do { _ = try await task.value } catch { return error as? CommandSandboxError }
                    return nil
                }
            }
            let first = await group.next() ?? nil
            for task in tasks { task.cancel() }
            return first
        }
    }

    @Test func `a task that is cancelled already runs nothing`() async throws {
        let fixture = fixture
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await fixture.shell("echo >begun")
        }
        await #expect(throws: CommandSandboxError.cancelled) { try await task.value }
        #expect(!fixture.exists("begun"))
    }

    @Test func `commands at once do not see one another`() async throws {
        let fixture = fixture
        let outputs = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<8 {
                group.addTask {
                    let script = "echo \(number) >/tmp/own; cat /tmp/own; ls /proc >/tmp/all; grep -c '^[0-9]' /tmp/all"
                    return try await fixture.shell(script).standardOutput.text
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        // The shell of the sandbox, that of the command, and ls.
        #expect(outputs.sorted() == (0..<8).map { "\($0)\n3\n" })
    }

    @Test func `a command that cannot be started anywhere is invalid`() async throws {
        let long = String(repeating: "x", count: SandboxedCommand.textBytesMax + 1)
        for arguments in [[], [""], ["A=b"], ["a\u{0}b"], ["true", long]] {
            #expect(await isInvalid { try await fixture.run(arguments) }, "\(arguments.first ?? "")")
        }
        for environment in [["": "x"], ["A=B": "x"], ["A": "x\u{0}"], ["A": long]] {
            #expect(await isInvalid { try await fixture.run(["true"], environment: environment) })
        }
        for change: (inout CommandLimits) -> Void in [
            { $0.memory = 0 }, { $0.processes = .max }, { $0.wallTime = .zero }, { $0.processorTime = .seconds(1e9) },
        ] {
            #expect(await isInvalid { try await fixture.run(["true"], change) })
        }
        #expect(await isInvalid { try await fixture.sandbox.run(SandboxedCommand(["true"], folder: "relative")) })
    }

    private func isInvalid(_ run: () async throws -> CommandResult) async -> Bool {
        do { _ = try await run() } catch CommandSandboxError.invalid { return true } catch {}
        return false
    }

    @Test func `a folder that is missing, a file, a link, or too full is refused`() async throws {
        try fixture.write("x", to: "file")
        let link = fixture.outside.appending(path: "link")
        try FileManager.default.createSymbolicLink(at: link, withDestinationURL: fixture.folder)
        var limits = CommandLimits()
        limits.folderEntries = 1
        for path in ["/nonexistent", fixture.folder.path + "/file", link.path] {
            await #expect(throws: CommandSandboxError.self, "\(path)") {
                try await fixture.sandbox.run(SandboxedCommand(["true"], folder: path))
            }
        }
        let path = fixture.folder.path
        _ = try await fixture.sandbox.run(SandboxedCommand(["true"], folder: path, limits: limits))
        limits.folderEntries = 1
        try fixture.write("y", to: "second")
        await #expect(throws: CommandSandboxError.self) {
            try await fixture.sandbox.run(SandboxedCommand(["true"], folder: path, limits: limits))
        }
    }

    @Test func `a system without bubblewrap is reported with the reason`() async throws {
        await #expect {
            try await CommandSandbox(program: "/nonexistent/bwrap").check()
        } throws: {
            guard case .unavailable(let reason) = $0 as? CommandSandboxError else { return false }
            return reason == "/nonexistent/bwrap: No such file or directory"
        }
        // A program that complains about its options, as bubblewrap does where the kernel refuses namespaces.
        await #expect {
            try await CommandSandbox(program: "/bin/cat").check()
        } throws: {
            guard case .unavailable(let reason) = $0 as? CommandSandboxError else { return false }
            return reason.contains("unrecognized option")
        }
    }

    @Test func `this system can run commands`() async throws { try await CommandSandbox().check() }
}
