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
        /// Of the start under way.
        var launched: MCPProcess?
        /// Of starts, so that one that was stopped meanwhile is found.
        var starts = 0
        /// The times of the starts of the last minute.
        var recent: [ContinuousClock.Instant] = []
    }

    private let sandbox: CommandSandbox
    private let limits: MCPLimits
    private let now: @Sendable () -> ContinuousClock.Instant
    private let prepare: @Sendable () async throws -> MCPCommand
    private let life = Mutex(Life())

    /// Each may end at once.
    private static let startsPerMinute = 10

    /// - Parameters:
    ///   - now: by which starts are counted.
    ///   - prepare: called for each process.
    package init(
        in sandbox: CommandSandbox, limits: MCPLimits = MCPLimits(),
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now },
        _ prepare: @escaping @Sendable () async throws -> MCPCommand
    ) {
        self.sandbox = sandbox
        self.limits = limits
        self.now = now
        self.prepare = prepare
    }

    package var isRunning: Bool { process?.isRunning ?? false }
    /// Whether the process starts, or a request waits for its answer.
    package var isBusy: Bool {
        life.withLock { life in
            switch life.state {
            case .starting: true
            case .running(let process): process.isBusy
            case .stopped: false
            }
        }
    }
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
        let (state, launched) = life.withLock { life in
            defer { (life.state, life.launched) = (.stopped, nil) }
            return (life.state, life.launched)
        }
        switch state {
        case .running(let process):
            process.stop()
            await process.wait()
        case .starting(let task, _):
            launched?.stop()
            // It ends what it has started when it finds that it was stopped.
            _ = await task.value
            await launched?.wait()
        case .stopped: break
        }
    }

    /// The running process; callers at the same time get the same one.
    private func started() async throws(MCPError) -> MCPProcess {
        enum Found {
            case process(MCPProcess)
            case start(Task<Result<MCPProcess, MCPError>, Never>)
            case refused
        }
        let found: Found = life.withLock { life in
            switch life.state {
            case .running(let process) where process.isRunning: return .process(process)
            case .starting(let task, _): return .start(task)
            case .running, .stopped:
                let time = now()
                life.recent.removeAll { time - $0 > .seconds(60) }
                guard life.recent.count < Self.startsPerMinute else { return .refused }
                life.recent.append(time)
                life.starts += 1
                let task = start(life.starts)
                life.state = .starting(task, number: life.starts)
                return .start(task)
            }
        }
        switch found {
        case .process(let process): return process
        case .start(let task): return try await task.value.get()
        case .refused:
            throw MCPError(
                .unavailable, "The server has ended \(Self.startsPerMinute) times within a minute. Try again later.")
        }
    }

    private func start(_ number: Int) -> Task<Result<MCPProcess, MCPError>, Never> {
        Task { [self] in
            let result = await launch(number)
            let isCurrent = life.withLock { life in
                guard case .starting(_, number) = life.state else { return false }
                life.state = (try? result.get()).map { .running($0) } ?? .stopped
                life.launched = nil
                return true
            }
            guard !isCurrent, case .success(let process) = result else { return result }
            return .failure(await Self.stopped(process))
        }
    }

    private func launch(_ number: Int) async -> Result<MCPProcess, MCPError> {
        let prepared: MCPCommand
        // The reason may name paths of this machine.
        do { prepared = try await prepare() } catch {
            return .failure(MCPError(.unavailable, "This system cannot run the server."))
        }
        do throws(MCPError) {
            let process = try await MCPProcess.launch(prepared, in: sandbox, limits: limits)
            let isCurrent = life.withLock { life in
                guard case .starting(_, number) = life.state else { return false }
                life.launched = process
                return true
            }
            guard isCurrent else { throw await Self.stopped(process) }
            do throws(MCPError) { try await process.agree() } catch {
                process.stop()
                throw error
            }
            return .success(process)
        } catch { return .failure(error) }
    }

    private static func stopped(_ process: MCPProcess) async -> MCPError {
        process.stop()
        await process.wait()
        return MCPError(.ended, "The server was stopped.")
    }
}
