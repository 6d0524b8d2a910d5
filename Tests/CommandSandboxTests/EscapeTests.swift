import CommandSandbox
import Foundation
import TestKit
import Testing

/// Attempts of a command to reach what is outside of its sandbox. Each is shown to work outside where it can be.
@Suite(.runsCommands) struct EscapeTests {
    private let fixture: SandboxFixture

    init() throws { fixture = try SandboxFixture() }

    // MARK: Files

    @Test func `files of the system and of the server are not there`() async throws {
        let secret = fixture.outside.appending(path: "secret.txt")
        try Data("secret".utf8).write(to: secret)
        for path in [secret.path, fixture.outside.path, fixture.folder.path, "/etc/shadow", "/etc/hostname", "/root"] {
            let result = try await fixture.run(["cat", path])
            #expect(result.end == .exited(status: 1) && result.standardOutput.bytes.isEmpty, "\(path)")
            #expect(result.standardError.text.contains("No such file or directory"), "\(path)")
        }
        let roots = try await fixture.shell("cd /; ls -A; ls -A /etc; ls -A /dev")
        let known = [
            "bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "tmp", "usr", "workspace",
            "alternatives", "group", "ld.so.cache", "passwd", "fd", "full", "null", "random", "shm", "stderr", "stdin",
            "stdout", "urandom", "zero",
        ]
        #expect(Set(roots.standardOutput.text.split(separator: "\n").map(String.init)).subtracting(known).isEmpty)
    }

    @Test func `nothing outside of the folder and /tmp can be written`() async throws {
        let result = try await fixture.shell(
            """
            for folder in / /usr /usr/bin /bin /lib /etc /etc/alternatives /dev /proc /proc/sys /proc/1 /proc/self; do
                touch $folder/written 2>/dev/null && echo "$folder"
            done
            for file in /etc/passwd /etc/ld.so.cache /usr/bin/env /bin/sh; do
                { true >>$file; } 2>/dev/null && echo "$file"
                chmod 777 $file 2>/dev/null && echo "$file"
                mv $file $file.moved 2>/dev/null && echo "$file"
            done
            chmod 777 /dev/null 2>/dev/null && echo /dev/null
            mknod device c 1 1 2>/dev/null && echo device
            grep -vE '^[^ ]+ (/tmp|/workspace|/proc|/dev/[a-z]+) ' /proc/mounts | grep -vE ' ro[, ]'
            true
            """)
        #expect(result.end == .exited(status: 0))
        #expect(result.standardOutput.text == "")
    }

    @Test func `symbolic links lead to nothing outside`() async throws {
        let secret = fixture.outside.appending(path: "secret.txt")
        try Data("secret".utf8).write(to: secret)
        let link = fixture.folder.appending(path: "link")
        try FileManager.default.createSymbolicLink(at: link, withDestinationURL: secret)
        let folderLink = fixture.folder.appending(path: "parent")
        try FileManager.default.createSymbolicLink(at: folderLink, withDestinationURL: fixture.outside)
        let before = try FileManager.default.attributesOfItem(atPath: secret.path)
        let result = try await fixture.shell(
            """
            ln -s ../outside/secret.txt up; ln -s /etc/shadow shadow; ln -s /proc/1/root root
            cat link parent/secret.txt up shadow ../outside/secret.txt root/../outside/secret.txt 2>/dev/null
            for file in link parent/new up; do echo changed 2>/dev/null >$file; done
            ln link hard; ls parent/
            true
            """)
        #expect(result.standardOutput.text == "")
        #expect(try String(contentsOf: secret, encoding: .utf8) == "secret")
        #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.outside.path) == ["secret.txt"])
        // Run as root, the sandbox changes owners in the folder.
        _ = try await fixture.run(["true"])
        let after = try FileManager.default.attributesOfItem(atPath: secret.path)
        #expect(after[.ownerAccountID] as? Int == before[.ownerAccountID] as? Int)
        #expect(after[.posixPermissions] as? Int == before[.posixPermissions] as? Int)
    }

    @Test func `no descriptor of the server is inherited`() async throws {
        let secret = fixture.outside.appending(path: "secret.txt")
        try Data("secret".utf8).write(to: secret)
        let file = open(secret.path, O_RDONLY)
        // A number that the sandbox uses for nothing.
        let descriptor = fcntl(file, F_DUPFD, 100)
        defer { for number in [file, descriptor] { close(number) } }
        #expect(fcntl(descriptor, F_GETFD) == 0)
        // The fourth one is that of the folder that ls reads.
        let result = try await fixture.shell("ls /proc/self/fd; ls -l /proc/*/fd | grep -c secret")
        #expect(result.standardOutput.text == "0\n1\n2\n3\n0\n")
    }

    // MARK: The server's process

    @Test func `the environment of the server cannot be read`() async throws {
        setenv("GATEHOUSE_ESCAPE", "canary-\(fixture.marker)", 1)
        let result = try await fixture.shell("cat /proc/*/environ /proc/*/cmdline /proc/*/task/*/environ; env; set")
        #expect(result.standardOutput.bytes.count > 100)
        #expect(!result.standardOutput.text.contains("canary-"))
        #expect(!result.standardOutput.text.contains("GATEHOUSE"))
    }

    @Test func `processes outside can neither be seen, nor stopped, nor read`() async throws {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sleep")
        process.arguments = [fixture.marker]
        try process.run()
        defer {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        let (id, server) = (process.processIdentifier, getpid())
        let result = try await fixture.perl(
            """
            kill 9, \(id), \(server); kill 9, -1;
            printf "%d %d ", \(calls["ptrace"] ?? 0) && syscall(\(calls["ptrace"] ?? 0), 16, 1, 0, 0), $!{EPERM};
            printf "%d %d ", syscall(\(calls["process_vm_readv"] ?? 0), 1, 0, 0, 0, 0, 0), $!{EPERM};
            opendir my $folder, "/proc"; print scalar grep /^\\d+$/, readdir $folder;
            """)
        // Itself, and the shell of the sandbox, which no signal from inside ends.
        #expect(result.standardOutput.text == "-1 1 -1 1 2")
        #expect(process.isRunning)
    }

    @Test func `no process outlives the command`() async throws {
        let marker = fixture.marker
        let result = try await fixture.perl(
            """
            use POSIX 'setsid';
            for (1 .. 3) {
                next if fork;
                setsid; $SIG{$_} = 'IGNORE' for qw(HUP TERM INT PIPE CHLD);
                if (!fork) { close $_ for *STDIN, *STDOUT, *STDERR; exec 'sleep', '\(marker)' }
                exit;
            }
            print "ended";
            """)
        #expect(result.end == .exited(status: 0))
        #expect(result.standardOutput.text == "ended")
        #expect(try fixture.markedProcesses.isEmpty)
    }

    @Test func `all processes end where bubblewrap is killed`() async throws {
        let (fixture, marker) = (fixture, fixture.marker)
        let task = Task { try await fixture.shell("setsid sleep \(marker) & sleep \(marker)") }
        #expect(try await eventually { try !fixture.markedProcesses.isEmpty })
        let bubblewrap = try #require(try fixture.markedProcesses.compactMap(bubblewrap(above:)).first)
        kill(bubblewrap, SIGKILL)
        #expect(try await task.value.end == .signaled(SIGKILL))
        #expect(try await eventually { try fixture.markedProcesses.isEmpty })
    }

    /// The process named `bwrap` among the ancestors of a process.
    private func bubblewrap(above process: Int32) -> Int32? {
        var process = process
        while process > 1, let stat = FileManager.default.contents(atPath: "/proc/\(process)/stat") {
            let text = String(decoding: stat, as: UTF8.self)
            if text.contains("(bwrap)") { return process }
            process =
                text.split(separator: ")").last?.split(separator: " ").dropFirst().first.flatMap { Int32($0) } ?? 0
        }
        return nil
    }

    // MARK: The network

    @Test func `no network is reached, neither a port of this machine nor an abstract socket`() async throws {
        let port = try TestListener(family: AF_INET)
        let abstract = try TestListener(family: AF_UNIX)
        let script = """
            use Socket;
            socket my $tcp, PF_INET, SOCK_STREAM, 0;
            print connect($tcp, sockaddr_in(\(port.port), inet_aton('127.0.0.1'))) ? 'reached ' : 'refused ';
            socket my $unix, PF_UNIX, SOCK_STREAM, 0;
            print connect($unix, sockaddr_un("\\0\(abstract.name)")) ? 'reached ' : 'refused ';
            """
        let inside = try await fixture.perl(script)
        #expect(inside.standardOutput.text == "refused refused ")
        #expect(try outside("perl", "-e", script) == "reached reached ")
        let addresses = try await fixture.shell("cat /proc/net/route /proc/net/dev | grep -vE 'Iface|Inter|face|lo:'")
        #expect(addresses.standardOutput.text == "")
    }

    @Test func `only sockets of the internet and of this sandbox can be made`() async throws {
        // Of netlink, packets, RDS, the kernel's cryptography and virtual machines.
        let result = try await fixture.perl(
            """
            for my $family (1, 2, 10, 16, 17, 21, 38, 40) {
                print socket(my $socket, $family, 2, 0) ? 'made ' : $!{EAFNOSUPPORT} ? 'refused ' : $!;
            }
            """)
        #expect(result.standardOutput.text == "made made made refused refused refused refused refused ")
    }

    // MARK: The kernel

    @Test func `there are no privileges, and no program gives any`() async throws {
        let status = try await fixture.shell("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status")
        let lines = Set(status.standardOutput.text.split(separator: "\n").map { $0.replacing("\t", with: "") })
        #expect(
            lines == [
                "CapInh:0000000000000000", "CapPrm:0000000000000000", "CapEff:0000000000000000",
                "CapBnd:0000000000000000", "CapAmb:0000000000000000", "NoNewPrivs:1", "Seccomp:2",
            ])
        let mounts = try await fixture.shell("grep -v nosuid /proc/mounts; true")
        #expect(mounts.standardOutput.text == "")
        // A copy of a program with the bits of root; the sandbox itself gives it to another account.
        let copy = fixture.folder.appending(path: "id")
        try FileManager.default.copyItem(at: URL(filePath: "/usr/bin/id"), to: copy)
        chmod(copy.path, 0o6755)
        let ids = try await fixture.shell("./id -u; ./id -ru; su -c id </dev/null; newgrp root </dev/null; id -u")
        #expect(ids.standardOutput.text == "65534\n65534\n65534\n")
    }

    @Test func `every namespace is the command's own`() async throws {
        let names = ["ipc", "mnt", "net", "pid", "user", "uts"]
        let result = try await fixture.shell("cd /proc/self/ns; readlink \(names.joined(separator: " "))")
        let inside = result.standardOutput.text.split(separator: "\n").map(String.init)
        let outside = try names.map { try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\($0)") }
        #expect(inside.count == names.count)
        #expect(Set(inside).isDisjoint(with: outside))
    }

    @Test func `settings of the kernel cannot be written`() async throws {
        // The same values, so that nothing changes where a write succeeds.
        let result = try await fixture.shell(
            """
            for file in vm/swappiness kernel/printk kernel/core_pattern kernel/pid_max fs/file-max \
                net/ipv4/ip_forward user/max_user_namespaces; do
                value=$(cat /proc/sys/$file) && { echo "$value" >/proc/sys/$file; } 2>/dev/null && echo "$file"
            done
            for file in /proc/sysrq-trigger /proc/kcore /proc/kmsg /dev/mem /sys/kernel; do
                { true <$file; } 2>/dev/null && echo "$file"
            done
            true
            """)
        #expect(result.standardOutput.text == "")
    }

    @Test func `namespaces, mounts and other calls of administrators are refused`() async throws {
        let commands = [
            "unshare -U true", "unshare -r id", "unshare -m true", "mount -t tmpfs none /tmp", "umount /proc",
            "mount -o remount,rw /", "mount --bind /workspace /usr", "chroot /workspace", "hostname other",
            "nsenter -t 1 -a true", "dmesg -C", "date -s 2001-01-01",
        ]
        for command in commands {
            let result = try await fixture.shell("PATH=$PATH:/usr/sbin:/sbin; \(command)")
            #expect(result.end != .exited(status: 0), "\(command)")
        }
        let refused = ["bpf", "perf_event_open", "keyctl", "add_key", "open_by_handle_at", "init_module", "setns"]
        for (names, error) in [
            (refused, EPERM), (["io_uring_setup", "userfaultfd", "clone3", "memfd_create"], ENOSYS),
        ] {
            let numbers = try names.map { String(try #require(calls[$0])) }
            let result = try await fixture.run(
                ["perl", "-e", "print syscall($_ + 0, 0, 0, 0, 0, 0), ' ', $! + 0, ' ' for @ARGV"] + numbers)
            #expect(result.standardOutput.text == names.map { _ in "-1 \(error) " }.joined(), "\(names)")
        }
    }

    @Test func `no input can be put into a terminal`() async throws {
        let result = try await fixture.perl(
            """
            my $byte = 'x';
            printf '%d ', ioctl(STDIN, $_, $byte) // $!{EPERM} * 2 for 0x5412, 0x541C, 0x5401;
            printf '%d ', open(my $terminal, '<', $_) ? 1 : 0 for '/dev/tty', '/dev/ptmx', '/dev/console';
            """)
        // TIOCSTI and TIOCLINUX are refused by the filter, the third one by a file that is no terminal.
        #expect(result.standardOutput.text == "2 2 0 0 0 0 ")
    }

    // MARK: Helpers

    /// Numbers of calls of the system on this processor.
    private var calls: [String: Int] {
        #if arch(x86_64)
            [
                "ptrace": 101, "process_vm_readv": 310, "bpf": 321, "perf_event_open": 298, "keyctl": 250,
                "add_key": 248, "open_by_handle_at": 304, "init_module": 175, "setns": 308, "io_uring_setup": 425,
                "userfaultfd": 323, "clone3": 435, "memfd_create": 319,
            ]
        #else
            [
                "ptrace": 117, "process_vm_readv": 270, "bpf": 280, "perf_event_open": 241, "keyctl": 219,
                "add_key": 217, "open_by_handle_at": 265, "init_module": 105, "setns": 268, "io_uring_setup": 425,
                "userfaultfd": 282, "clone3": 435, "memfd_create": 279,
            ]
        #endif
    }

    /// What a command writes that is not in the sandbox.
    private func outside(_ arguments: String...) throws -> String {
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}
