package import Base
package import CommandSandbox
import Synchronization

/// A server that is a process in the sandbox. It is started by the first request, and again after its end.
package final class MCPStdioClient: MCPClient {
    private enum State {
        case stopped
        case starting(Task<Result<MCPProcess, MCPError>, Never>, number: Int)
        case running(MCPProcess)
    }

    private struct Life {
        var state = State.stopped
        /// Of starts, so that one that was stopped meanwhile is found.
        var starts = 0
    }

    private let command: SandboxedCommand
    private let sandbox: CommandSandbox
    private let limits: MCPLimits
    private let life = Mutex(Life())

    /// - Parameter command: `input` is not used; the wall time is that of one process.
    package init(_ command: SandboxedCommand, in sandbox: CommandSandbox, limits: MCPLimits = MCPLimits()) {
        self.command = command
        self.sandbox = sandbox
        self.limits = limits
    }

    package var isRunning: Bool { process?.isRunning ?? false }
    /// Lines of the standard output of the running process that were no messages.
    package var skippedLines: Int { process?.skippedLines ?? 0 }

    private var process: MCPProcess? {
        life.withLock { if case .running(let process) = $0.state { process } else { nil } }
    }

    package func tools() async throws(MCPError) -> [MCPTool] {
        let process = try await started()
        return try await collectTools(limits) { call async throws(MCPError) in try await process.send(call) }
    }

    package func call(_ tool: MCPTool, arguments: JSONValue) async throws(MCPError) -> MCPToolResult {
        let process = try await started()
        return try await toolResult(tool, arguments, limits) { call async throws(MCPError) in
            try await process.send(call)
        }
    }

    package func close() async {
        let state = life.withLock { life in
            defer { life.state = .stopped }
            return life.state
        }
        switch state {
        case .running(let process):
            process.stop()
            await process.wait()
        case .starting(let task, _):
            // It ends what it has started when it finds that it was stopped.
            _ = await task.value
        case .stopped: break
        }
    }

    /// The running process; callers at the same time get the same one.
    private func started() async throws(MCPError) -> MCPProcess {
        enum Found {
            case process(MCPProcess)
            case start(Task<Result<MCPProcess, MCPError>, Never>)
        }
        let found: Found = life.withLock { life in
            switch life.state {
            case .running(let process) where process.isRunning: return .process(process)
            case .starting(let task, _): return .start(task)
            case .running, .stopped:
                life.starts += 1
                let task = start(life.starts)
                life.state = .starting(task, number: life.starts)
                return .start(task)
            }
        }
        switch found {
        case .process(let process): return process
        case .start(let task): return try await task.value.get()
        }
    }

    private func start(_ number: Int) -> Task<Result<MCPProcess, MCPError>, Never> {
        Task { [self] in
            let result: Result<MCPProcess, MCPError>
            do throws(MCPError) {
                result = .success(try await MCPProcess.start(command, in: sandbox, limits: limits))
            } catch { result = .failure(error) }
            let isCurrent = life.withLock { life in
                guard case .starting(_, number) = life.state else { return false }
                life.state = (try? result.get()).map { .running($0) } ?? .stopped
                return true
            }
            guard !isCurrent, case .success(let process) = result else { return result }
            process.stop()
            await process.wait()
            return .failure(MCPError(.ended, "The server was stopped."))
        }
    }
}
