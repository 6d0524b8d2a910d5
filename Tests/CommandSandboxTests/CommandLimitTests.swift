import CommandSandbox
import Foundation
import Testing

/// Attempts of a command to use more than its limits.
@Suite(.runsCommands) struct CommandLimitTests {
    private let fixture: SandboxFixture

    init() throws { fixture = try SandboxFixture() }

    // MARK: Processes and memory

    @Test func `processes are limited`() async throws {
        let marker = fixture.marker
        let result = try await fixture.perl(
            """
            my $count = 0;
            while (defined(my $child = fork)) { $child ? $count++ : exec 'sleep', '\(marker)' }
            print $count;
            """
        ) { $0.processes = 20 }
        // One is the command.
        #expect(result.end == .exited(status: 0))
        #expect(result.standardOutput.text == "19")
        #expect(try fixture.markedProcesses.isEmpty)
    }

    @Test func `a fork bomb ends with its time`() async throws {
        let result = try await fixture.perl("$0 = '\(fixture.marker)'; fork while 1") {
            $0.processes = 30
            $0.wallTime = .milliseconds(300)
        }
        guard case .limitReached(let limit) = result.end, [.wallTime, .processorTime].contains(limit) else {
            Issue.record("it ended with \(result.end)")
            return
        }
        #expect(try fixture.markedProcesses.isEmpty)
    }

    @Test func `the memory of a process is limited`() async throws {
        let result = try await fixture.perl("my $text = 'x' x (200 << 20); print length $text") {
            $0.memory = 64 << 20
        }
        #expect(result.end != .exited(status: 0))
        #expect(result.standardError.text.contains("Out of memory"))
        #expect(result.usage.memory < 64 << 20)
    }

    @Test func `the memory of all processes together is limited`() async throws {
        let result = try await fixture.perl("fork; fork; my $text = 'x' x (24 << 20); sleep 60") {
            $0.memory = 64 << 20
            $0.wallTime = .seconds(20)
        }
        #expect(result.end == .limitReached(.memory))
        #expect(result.usage.memory > 64 << 20)
    }

    @Test func `memory that belongs to no process is limited or refused`() async throws {
        let temporary = try await fixture.shell("head -c 80000000 /dev/zero >/tmp/file; ls -l /tmp/file") {
            $0.fileSize = 1 << 30
        }
        #expect(temporary.standardError.text.contains("No space left on device"))
        #expect(temporary.standardOutput.text.contains(" 67108864 "))
        let shared = try await fixture.shell("head -c 40000000 /dev/zero >/dev/shm/file; sleep 60") {
            $0.memory = 32 << 20
        }
        #expect(shared.end == .limitReached(.memory))
        let segments = try await fixture.perl(
            "printf '%d ', defined $_ for shmget(0, 4096, 512), msgget(0, 512), semget(0, 1, 512)")
        #expect(segments.standardOutput.text == "0 0 0 ")
        let files = try await fixture.perl("for (1 .. 200_000) { open my $file, '>', \"/tmp/$_\" } print 'all'")
        #expect(files.end == .limitReached(.temporaryFiles))
    }

    @Test func `limits of the kernel cannot be raised`() async throws {
        let result = try await fixture.shell(
            """
            for option in n f t d c; do ulimit -H -$option unlimited 2>/dev/null && echo $option; done
            prlimit --nproc=10000:10000 --pid $$ 2>/dev/null && echo prlimit
            prlimit --data=unlimited --pid 1 2>/dev/null && echo first
            nice -n -5 true 2>/dev/null
            ulimit -n; ulimit -c
            """
        ) { $0.openFiles = 77 }
        #expect(result.standardOutput.text == "77\n0\n")
    }

    // MARK: Outputs

    @Test func `an output that is too long is cut, and the command gets SIGPIPE`() async throws {
        // As servers do; the command has the default all the same.
        signal(SIGPIPE, SIG_IGN)
        let result = try await fixture.run(["yes"]) { $0.output = 1_000 }
        #expect(result.end == .signaled(SIGPIPE))
        #expect(result.standardOutput.bytes.count == 1_000 && result.standardOutput.isTruncated)
        #expect(result.standardError.bytes.isEmpty && !result.standardError.isTruncated)
    }

    @Test func `an output as long as its limit is whole`() async throws {
        let result = try await fixture.shell("head -c 200000 /dev/zero; head -c 200001 /dev/zero >&2") {
            $0.output = 200_000
        }
        #expect(result.end == .exited(status: 0))
        #expect(result.standardOutput.bytes.count == 200_000 && !result.standardOutput.isTruncated)
        #expect(result.standardError.bytes.count == 200_000 && result.standardError.isTruncated)
    }

    @Test func `a flood that ignores SIGPIPE ends with its time`() async throws {
        let result = try await fixture.perl("$SIG{PIPE} = 'IGNORE'; syswrite STDOUT, 'x' x 65536 while 1") {
            $0.processorTime = .milliseconds(200)
        }
        #expect(result.end == .limitReached(.processorTime))
        #expect(result.standardOutput.isTruncated)
    }

    // MARK: The disk

    @Test func `a file is limited`() async throws {
        let result = try await fixture.shell("head -c 2000000 /dev/zero >file") { $0.fileSize = 1_000_000 }
        #expect(result.end == .signaled(SIGXFSZ))
        let size = try FileManager.default.attributesOfItem(atPath: fixture.folder.path + "/file")[.size] as? Int
        #expect(size == 1_000_000)
    }

    @Test func `the folder is limited in bytes`() async throws {
        let script = "echo begun; i=0; while :; do i=$((i + 1)); head -c 1000000 /dev/zero >file$i; done"
        let result = try await fixture.shell(script) {
            $0.fileSize = 1 << 20
            $0.folderSize = 8 << 20
        }
        #expect(result.end == .limitReached(.folder))
        #expect(result.standardOutput.text == "begun\n")
        let files = try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path)
        #expect(files.count < 2_000)
    }

    @Test func `the folder is limited in files`() async throws {
        let script = "for (1 .. 1_000_000) { open my $file, '>', $_ } print 'all'"
        let result = try await fixture.perl(script) { $0.folderEntries = 100 }
        #expect(result.end == .limitReached(.folder))
    }

    @Test func `folders that are nested deeply, or hide what is in them, count as too much`() async throws {
        let deep = try await fixture.perl("for (1 .. 200) { mkdir 'd'; chdir 'd' } sleep 60")
        #expect(deep.end == .limitReached(.folder))
        try FileManager.default.removeItem(at: fixture.folder.appending(path: "d"))
        // Root reads it.
        guard geteuid() != 0 else { return }
        let hidden = try await fixture.shell("mkdir hidden; chmod 000 hidden; sleep 60")
        #expect(hidden.end == .limitReached(.folder))
        chmod(fixture.folder.path + "/hidden", 0o700)
    }
}
