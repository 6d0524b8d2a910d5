import Glibc

/// The processes of a command, as the `/proc` of its process namespace lists them, and its `/tmp`.
final class ProcessTree {
    /// Files and folders in `/tmp`. The kernel counts their memory for no process.
    static let temporaryFilesMax = 10_000

    /// As measured last.
    private(set) var processorTime = Duration.zero
    /// The most that was measured.
    private(set) var memory = 0

    private let processes: OwnedDescriptor
    private let temporary: OwnedDescriptor

    /// - Parameter first: the id of the first process of the namespace.
    /// - Throws: ``CommandSandboxError/unavailable(reason:)`` where this process may not look into it.
    init(first: Int32) throws(CommandSandboxError) {
        let flags = O_RDONLY | O_DIRECTORY
        guard let root = OwnedDescriptor("/proc/\(first)/root", flags: flags),
            let processes = OwnedDescriptor("proc", in: root.number, flags: flags | O_NOFOLLOW),
            let temporary = OwnedDescriptor("tmp", in: root.number, flags: flags | O_NOFOLLOW)
        else {
            throw .unavailable(reason: "the root of the command cannot be read: \(String(cString: strerror(errno)))")
        }
        (self.processes, self.temporary) = (processes, temporary)
    }

    /// The first limit that all processes together have reached.
    func limitReached(_ limits: CommandLimits) -> CommandLimit? {
        var status = statvfs()
        guard fstatvfs(temporary.number, &status) == 0 else { return nil }
        if status.f_files - status.f_ffree > UInt(Self.temporaryFilesMax) { return .temporaryFiles }
        var bytes = Int((status.f_blocks - status.f_bfree) * status.f_frsize)
        var ticks = 0
        for process in list() {
            bytes += residentBytes(process)
            ticks += processorTicks(process)
        }
        // Nothing is left of a process that ends between two measurements and was waited for by none.
        processorTime = max(processorTime, Duration.seconds(ticks) / Self.ticksPerSecond)
        memory = max(memory, bytes)
        if bytes > limits.memory { return .memory }
        return processorTime > limits.processorTime ? .processorTime : nil
    }

    private static let ticksPerSecond = sysconf(Int32(_SC_CLK_TCK))

    private func list() -> [Int32] {
        var list: [Int32] = []
        _ = processes.forEachName { name in
            if let process = Int32(String(cString: name)) { list.append(process) }
            return true
        }
        return list
    }

    /// Without files, whose pages the kernel can drop.
    private func residentBytes(_ process: Int32) -> Int {
        content(of: "\(process)/status").split(separator: "\n").reduce(0) { sum, line in
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count == 3, ["RssAnon:", "RssShmem:", "VmSwap:"].contains(words[0]) else { return sum }
            return sum + (Int(words[1]) ?? 0) * 1_024
        }
    }

    /// Of the process, and of its ended children.
    private func processorTicks(_ process: Int32) -> Int {
        // The name of the program, in brackets, may contain anything.
        guard let rest = content(of: "\(process)/stat").split(separator: ")").last else { return 0 }
        // From the state, which is the third field (proc_pid_stat(5)); the times are the fields 14 to 17.
        return rest.split(separator: " ").dropFirst(11).prefix(4).reduce(0) { $0 + (Int($1) ?? 0) }
    }

    /// Empty where the process has ended.
    private func content(of path: String) -> String {
        guard let file = OwnedDescriptor(path, in: processes.number, flags: O_RDONLY) else { return "" }
        let bytes = [UInt8](unsafeUninitializedCapacity: 4_096) { buffer, count in
            count = max(0, read(file.number, buffer.baseAddress, 4_096))
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
