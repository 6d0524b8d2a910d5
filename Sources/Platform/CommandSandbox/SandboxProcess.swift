import Base
import CSandbox
import Glibc

/// bubblewrap and the processes that it starts, until the last of them has ended. Used by one thread, which lives
/// longer.
final class SandboxProcess {
    private let bubblewrap: Int32
    private let bubblewrapDescriptor: OwnedDescriptor
    /// Connected with the script, which ends when it reads the end of it.
    private let control: OwnedDescriptor
    /// Where bubblewrap writes what it started. A file, as bubblewrap leaves a process behind where it cannot write.
    private let information: OwnedDescriptor
    /// The first process of the namespace, once it is there: its end ends all others.
    private var first: OwnedDescriptor?
    private var isWaitedFor = false

    /// For the namespaces and mounts, which take about 10 ms on an idle machine.
    private static let setupTimeMax: Duration = .seconds(30)
    private static let informationBytesMax = 4_096
    /// For the end of killed processes, some of which may wait for a disk.
    private static let endTimeMax: Duration = .seconds(10)
    /// Where the working folder is bound for an account that may not reach its path; it exists by the standard of the
    /// file hierarchy.
    private static let mountPoint = "/mnt"

    /// Starts bubblewrap, which prepares everything for the command. ``start(_:_:)`` starts the command.
    init(
        _ command: SandboxedCommand, program: String, input: OwnedDescriptor, output: OwnedDescriptor,
        errors: OwnedDescriptor
    ) throws(CommandSandboxError) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw .system(call: "socketpair", code: errno)
        }
        control = OwnedDescriptor(ends[0])
        let farControl = OwnedDescriptor(ends[1])
        information = try OwnedDescriptor(memory: [], isFixed: false)

        let account = geteuid() == 0 ? CommandSandbox.account : 0
        let options = SandboxOptions.options(folder: account == 0 ? command.folder : Self.mountPoint)
        var descriptors = [input, output, errors]
        // Programs open /dev/stdin and the like by the owner of what is behind it.
        if account != 0 { for descriptor in descriptors { fchown(descriptor.number, account, account) } }
        for descriptor in SandboxOptions.Descriptor.allCases {
            switch descriptor {
            case .control: descriptors.append(farControl)
            case .information: descriptors.append(information)
            case .options: try descriptors.append(OwnedDescriptor(memory: options.flatMap { Array($0.utf8) + [0] }))
            case .script: try descriptors.append(OwnedDescriptor(memory: Array(SandboxOptions.script(command).utf8)))
            case .filter: try descriptors.append(OwnedDescriptor(memory: Self.filter()))
            case .users: try descriptors.append(OwnedDescriptor(memory: Array(SandboxOptions.users.utf8)))
            case .groups: try descriptors.append(OwnedDescriptor(memory: Array(SandboxOptions.groups.utf8)))
            }
        }
        let arguments = [program] + SandboxOptions.arguments(command.limits)
        bubblewrap = try Self.start(program, arguments, descriptors, account: account, folder: command.folder)
        let number = gatehouse_process_open(bubblewrap)
        guard number >= 0 else {
            let code = errno
            Glibc.kill(bubblewrap, SIGKILL)
            waitpid(bubblewrap, nil, 0)
            throw .system(call: "pidfd_open", code: code)
        }
        bubblewrapDescriptor = OwnedDescriptor(number)
    }

    deinit {
        guard !isWaitedFor else { return }
        kill()
        _ = wait()
    }

    private static func filter() throws(CommandSandboxError) -> [UInt8] {
        var count = 0
        let bytes = UnsafeRawBufferPointer(start: gatehouse_syscall_filter(&count), count: count)
        guard count > 0 else {
            throw .unavailable(reason: "there is no filter of system calls for this kind of processor")
        }
        return Array(bytes)
    }

    private static func start(
        _ program: String, _ arguments: [String], _ descriptors: [OwnedDescriptor], account: UInt32, folder: String
    ) throws(CommandSandboxError) -> Int32 {
        var process: Int32 = 0
        var failedCall: UnsafePointer<CChar>?
        var strings = arguments.map { strdup($0) } + [nil]
        defer { for string in strings { free(string) } }
        let code = descriptors.map(\.number).withUnsafeBufferPointer { numbers in
            program.withCString { path in
                folder.withCString { folder in
                    mountPoint.withCString { mountPoint in
                        strings.withUnsafeMutableBufferPointer { strings in
                            var started = gatehouse_program(
                                path: path, arguments: strings.baseAddress, descriptors: numbers.baseAddress,
                                descriptor_count: Int32(numbers.count), account: account, folder: folder,
                                mount_point: mountPoint)
                            return gatehouse_program_start(&started, &process, &failedCall)
                        }
                    }
                }
            }
        }
        guard code != 0 else { return process }
        let call = failedCall.map { String(cString: $0) } ?? ""
        switch call {
        case "execve": throw .unavailable(reason: "\(program): \(String(cString: strerror(code)))")
        case "unshare", "mount", "setgroups", "setresgid", "setresuid":
            throw .unavailable(reason: "\(call) as root: \(String(cString: strerror(code)))")
        default: throw .system(call: call, code: code)
        }
    }

    // MARK: The life of the command

    /// Waits until everything is prepared, and starts the command.
    /// - Parameter errors: has what bubblewrap says about a failure.
    /// - Throws: ``CommandSandboxError``; no process is left then.
    func start(_ errors: inout OutputPipe, _ isCancelled: () -> Bool) throws(CommandSandboxError) -> ProcessTree {
        guard isReady(isCancelled), let id = firstProcess else {
            kill()
            _ = wait()
            errors.readAvailable()
            throw isCancelled() ? .cancelled : .unavailable(reason: errors.captured.text)
        }
        let number = gatehouse_process_open(id)
        guard number >= 0 else { throw .system(call: "pidfd_open", code: errno) }
        first = OwnedDescriptor(number)
        let tree = try ProcessTree(first: id)
        let begin = SandboxOptions.begin + "\n"
        guard send(control.number, begin, begin.utf8.count, Int32(MSG_NOSIGNAL)) == begin.utf8.count else {
            throw .system(call: "send", code: errno)
        }
        return tree
    }

    /// Waits until the script waits for the line that begins the command.
    /// - Returns: false where bubblewrap ends before, takes too long, or the command is cancelled.
    private func isReady(_ isCancelled: () -> Bool) -> Bool {
        let end = ContinuousClock.now + Self.setupTimeMax
        var entry = pollfd(fd: control.number, events: Int16(POLLIN), revents: 0)
        while Glibc.poll(&entry, 1, CommandExecution.interval.milliseconds) <= 0 {
            if isCancelled() || ContinuousClock.now > end { return false }
        }
        let ready = Array("\(SandboxOptions.ready)\n".utf8)
        var line = [UInt8](repeating: 0, count: ready.count)
        return recv(control.number, &line, line.count, Int32(MSG_WAITALL)) == line.count && line == ready
    }

    /// The id of the first process of the namespace, as bubblewrap wrote it.
    private var firstProcess: Int32? {
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.informationBytesMax) { buffer, count in
            count = max(0, pread(information.number, buffer.baseAddress, Self.informationBytesMax, 0))
        }
        return (try? JSONValue(parsing: bytes))?["child-pid"]?.integer.flatMap { Int32(exactly: $0) }
    }

    /// Waits for output or for the end, and reads what there is.
    /// - Returns: whether all processes have ended.
    func poll(
        _ output: inout OutputPipe, _ errors: inout OutputPipe, until instant: ContinuousClock.Instant
    ) -> Bool {
        var entries = [output.pollEntry, errors.pollEntry]
        let hasEnded = poll(&entries, until: instant)
        if entries[0].revents != 0 { output.readAvailable() }
        if entries[1].revents != 0 { errors.readAvailable() }
        return hasEnded
    }

    /// Waits for one of the entries, or for the end.
    /// - Returns: whether all processes have ended.
    func poll(_ entries: inout [pollfd], until instant: ContinuousClock.Instant) -> Bool {
        var all = entries + [pollfd(fd: bubblewrapDescriptor.number, events: Int16(POLLIN), revents: 0)]
        let left = max(.zero, instant - ContinuousClock.now)
        guard Glibc.poll(&all, nfds_t(all.count), left.milliseconds) > 0 else { return false }
        let hasEnded = all.removeLast().revents != 0
        entries = all
        return hasEnded
    }

    /// Kills all processes; ``wait()`` returns when they have ended.
    func kill() {
        if let first {
            _ = gatehouse_process_kill(first.number)
        } else {
            // The script reads the end, and ends. bubblewrap, killed while it prepares, would leave a process behind.
            shutdown(control.number, Int32(SHUT_WR))
        }
    }

    struct End {
        /// As a shell reports it.
        let status: Int32
        let processorTime: Duration
    }

    /// Waits for the end of all processes. bubblewrap ends after them.
    func wait() -> End {
        if !hasEnded(bubblewrapDescriptor) {
            if let firstProcess { Glibc.kill(firstProcess, SIGKILL) }
            Glibc.kill(bubblewrap, SIGKILL)
        }
        var (status, usage) = (Int32(0), rusage())
        while wait4(bubblewrap, &status, 0, &usage) < 0, errno == EINTR {}
        isWaitedFor = true
        // Not waited for by bubblewrap where that was killed.
        if let first { _ = hasEnded(first) }
        // The lower seven bits are the signal, the next byte the status (wait(2)).
        let signal = status & 0x7F
        return End(
            status: signal == 0 ? status >> 8 & 0xFF : 128 + signal,
            processorTime: Duration(usage.ru_utime) + Duration(usage.ru_stime))
    }

    /// Waits for the end of a process.
    /// - Returns: false where it takes longer than ``endTimeMax``.
    private func hasEnded(_ process: OwnedDescriptor) -> Bool {
        var entry = pollfd(fd: process.number, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&entry, 1, Self.endTimeMax.milliseconds) > 0
    }
}

extension Duration {
    /// For `poll`, rounded up.
    fileprivate var milliseconds: Int32 {
        Int32(components.seconds * 1_000 + (components.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }

    fileprivate init(_ time: timeval) { self = .seconds(time.tv_sec) + .microseconds(time.tv_usec) }
}
