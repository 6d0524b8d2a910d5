/// What a command may use. Where the kernel does not enforce a limit, usage is measured every
/// ``CommandExecution/interval``, and a command beyond it is killed.
package struct CommandLimits: Sendable, Hashable {
    /// From the start of the command to its end.
    package var wallTime: Duration = .seconds(60)
    /// Of all processes together; measured. The kernel holds each process to a second more.
    package var processorTime: Duration = .seconds(30)
    /// Bytes of all processes together and of `/tmp`; measured. Memory that processes share after a fork counts for
    /// each. The kernel refuses more to one process.
    package var memory = 512 << 20
    /// Processes and threads at once; enforced by the kernel.
    package var processes = 64
    /// Bytes of each of the two outputs, which is closed beyond it: the command gets SIGPIPE when it writes on.
    package var output = 256 << 10
    /// Bytes of one file; enforced by the kernel.
    package var fileSize = 64 << 20
    /// Open files of one process; enforced by the kernel.
    package var openFiles = 256
    /// Bytes in the working folder, with what lay there before; measured.
    package var folderSize = 256 << 20
    /// Files and folders in the working folder; measured.
    package var folderEntries = 10_000

    package init() {}

    /// - Throws: ``CommandSandboxError/invalid(reason:)``.
    func check() throws(CommandSandboxError) {
        let counts = [memory, processes, output, fileSize, openFiles, folderSize, folderEntries]
        guard counts.allSatisfy((1...Self.countMax).contains) else {
            throw .invalid(reason: "a limit is not between 1 and \(Self.countMax)")
        }
        guard [wallTime, processorTime].allSatisfy({ $0 > .zero && $0 <= Self.timeMax }) else {
            throw .invalid(reason: "a limit of time is not between zero and \(Self.timeMax)")
        }
    }

    private static let countMax = 1 << 40
    private static let timeMax: Duration = .seconds(86_400)
}

/// A limit that ended a command. The kernel's limits do not: the command gets an error, or a signal.
package enum CommandLimit: String, Sendable, CaseIterable {
    case wallTime = "wall-time"
    case processorTime = "processor-time"
    case memory
    /// Also more than ``ProcessTree/temporaryFilesMax`` files in `/tmp`.
    case temporaryFiles = "temporary-files"
    /// Also folders that are nested too deeply or cannot be read, and a file system that fills up.
    case folder
}
