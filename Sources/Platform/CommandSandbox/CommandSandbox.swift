import Base
import Foundation
import Synchronization

/// Runs commands that this server does not trust, separated from it and from one another by bubblewrap.
///
/// A command has its own namespaces of users, processes, mounts, networks, IPC and host names, no capabilities, a
/// filter of system calls, and limits. It sees the system's programs read-only, an empty `/tmp`, and the folder that
/// it is given; no network, no file of this server, none of its environment. All of its processes end with it, with
/// the caller's task, and with this process.
package final class CommandSandbox: Sendable {
    /// The user and the group of commands where this process runs as root: an id that neither Debian nor systemd
    /// assigns. The kernel lets root change its settings and start any number of processes even inside a user
    /// namespace. Elsewhere commands run as the user of this process.
    package static let account: UInt32 = 65_533

    private let program: String
    private let pool: BlockingPool
    private let interactiveMax: Int
    private let interactiveCount = Mutex(0)

    /// Commands that are talked to, which run at once beside the others, by default.
    package static let interactiveMax = 32

    /// - Parameters:
    ///   - program: the path of bubblewrap.
    ///   - concurrency: commands that run at once.
    ///   - queueCapacity: commands that wait; further ones are refused.
    ///   - interactiveMax: commands that are talked to, which run at once beside the others.
    package init(
        program: String = "/usr/bin/bwrap", concurrency: Int = 4, queueCapacity: Int = 64,
        interactiveMax: Int = CommandSandbox.interactiveMax
    ) {
        self.program = program
        self.interactiveMax = interactiveMax
        // bubblewrap ends with the thread that started it: threads of a pool live as long as the pool.
        pool = BlockingPool(name: "command", threads: concurrency, capacity: queueCapacity)
    }

    /// Runs a command until it ends, or a limit ends it.
    /// - Throws: ``CommandSandboxError``; ``CommandSandboxError/cancelled`` once the processes of a cancelled task have
    ///   ended.
    package func run(_ command: SandboxedCommand) async throws(CommandSandboxError) -> CommandResult {
        try command.check()
        let queued = QueuedCommand(CommandExecution(command, program: program))
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard queued.enqueue(continuation) else { return }
                if !pool.add({ queued.execute() }) { queued.finish(.failure(.overloaded)) }
            }
        } onCancel: {
            queued.cancel()
        }
        return try result.get()
    }

    /// Starts a command that is talked to while it runs; its `input` is not used. It ends by itself, by
    /// ``InteractiveCommand/stop()``, by a limit, or with this process: a task that is cancelled does not end it.
    /// - Parameter output: gets the standard output as it is written, on a thread of the command; returns false to end
    ///   the command.
    /// - Returns: at once. What keeps the command from running is its end.
    /// - Throws: ``CommandSandboxError/invalid(reason:)``, ``CommandSandboxError/overloaded``,
    ///   ``CommandSandboxError/system(call:code:)``.
    package func start(
        _ command: SandboxedCommand, output: @escaping @Sendable ([UInt8]) -> Bool
    ) throws(CommandSandboxError) -> InteractiveCommand {
        try command.check()
        let isAccepted = interactiveCount.withLock { count in
            guard count < interactiveMax else { return false }
            count += 1
            return true
        }
        guard isAccepted else { throw .overloaded }
        let (input, far): (InteractiveInput, OwnedDescriptor)
        do throws(CommandSandboxError) { (input, far) = try InteractiveInput.make() } catch {
            interactiveCount.withLock { $0 -= 1 }
            throw error
        }
        let running = InteractiveCommand(input: input)
        let execution = InteractiveExecution(command, program: program)
        // bubblewrap ends with the thread that started it.
        let thread = Thread { [self] in
            execution.run(running, input: input, far: far, output: output)
            interactiveCount.withLock { $0 -= 1 }
        }
        thread.name = "command"
        thread.stackSize = 1 << 20
        thread.start()
        return running
    }

    /// Runs a command that does nothing, which shows whether commands can run on this system.
    /// - Throws: ``CommandSandboxError/unavailable(reason:)``.
    package func check() async throws(CommandSandboxError) {
        let folder = FileManager.default.temporaryDirectory.appending(path: "gatehouse-\(UUID().uuidString)")
        do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false) } catch {
            throw .unavailable(reason: "\(folder.path) cannot be created: \(error)")
        }
        defer { try? FileManager.default.removeItem(at: folder) }
        let result = try await run(SandboxedCommand(["true"], folder: folder.path))
        guard result.end == .exited(status: 0) else {
            throw .unavailable(reason: "the command true ended with \(result.end): \(result.standardError.text)")
        }
    }
}
