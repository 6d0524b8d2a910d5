/// What a command did.
package struct CommandResult: Sendable, Hashable {
    package let end: CommandEnd
    package let standardOutput: CommandOutput
    package let standardError: CommandOutput
    package let usage: CommandUsage
}

/// How a command ended.
package enum CommandEnd: Sendable, Hashable {
    /// 127 where there is no such program, 126 where it cannot be executed.
    case exited(status: Int32)
    /// The shell that waits for the command reports a signal as the status 128 plus its number, which a command may
    /// return itself.
    case signaled(Int32)
    /// It was killed, with all of its processes.
    case limitReached(CommandLimit)

    init(shellStatus status: Int32) {
        self = (129...159).contains(status) ? .signaled(status - 128) : .exited(status: status)
    }
}

/// The bytes that a command wrote to an output.
package struct CommandOutput: Sendable, Hashable {
    package let bytes: [UInt8]
    /// Whether the command wrote more than ``CommandLimits/output``.
    package let isTruncated: Bool

    /// Invalid UTF-8 is replaced.
    package var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// What the processes of a command used, with about 10 ms for the sandbox. Of processes that were killed it is what was
/// measured last.
package struct CommandUsage: Sendable, Hashable {
    package let wallTime: Duration
    /// In user and kernel mode.
    package let processorTime: Duration
    /// The most bytes of all processes together that were measured; 0 for a command that ended before. The kernel's own
    /// maximum is of no use: it begins with the memory of the process that has started the command.
    package let memory: Int
}
