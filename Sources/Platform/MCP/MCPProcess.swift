import Base
import CommandSandbox
import Synchronization

/// A process that speaks the protocol over its standard input and output, from its start to its end: a message is a
/// line of JSON.
///
/// Lines that are no messages, such as logs, are skipped and counted.
final class MCPProcess: Sendable {
    typealias Outcome = Result<MCPAnswer, MCPError>

    private struct State {
        var command: InteractiveCommand?
        /// Ends when the process and what belongs to it are gone.
        var end: Task<Void, Never>?
        var version: MCPVersion?
        var lastID: Int64 = 0
        var pending: [Int64: CheckedContinuation<Outcome, Never>] = [:]
        /// The beginning of a line.
        var line: [UInt8] = []
        var skippedLines = 0
        /// Since the last answer that a request has waited for.
        var bytes = 0
        var messages = 0
        /// That requests have waited for.
        var answers = 0
        /// Why the process is of no use any more.
        var fault: MCPError?
    }

    private let limits: MCPLimits
    private let state = Mutex(State())

    private init(limits: MCPLimits) { self.limits = limits }

    /// Starts the process. The next step is ``agree()``.
    static func launch(_ prepared: MCPCommand, in sandbox: CommandSandbox, limits: MCPLimits)
        async throws(MCPError) -> MCPProcess
    {
        let process = MCPProcess(limits: limits)
        let running: InteractiveCommand
        do throws(CommandSandboxError) {
            running = try sandbox.start(prepared.command) { [weak process] chunk in process?.receive(chunk) ?? false }
        } catch {
            await prepared.onEnd()
            throw unavailable(error)
        }
        let end = Task {
            await running.wait()
            process.fail(Self.fault(of: running))
            await prepared.onEnd()
        }
        process.state.withLock { state in
            state.command = running
            state.end = end
        }
        return process
    }

    var isRunning: Bool { state.withLock { $0.fault == nil && $0.command?.end == nil } }
    /// Whether a request waits for its answer.
    var isBusy: Bool { state.withLock { !$0.pending.isEmpty } }
    /// Lines of the standard output that were no messages.
    var skippedLines: Int { state.withLock(\.skippedLines) }

    /// Ends the process. Requests that wait for an answer fail.
    func stop() {
        fail(MCPError(.ended, "The server was stopped."))
        state.withLock(\.command)?.stop()
    }

    /// Returns when the process has ended, and what belongs to it is removed.
    func wait() async { await state.withLock(\.end)?.value }

    // MARK: Requests

    /// Agrees with the process on a version. A server that refuses the handshake may be one without.
    func agree() async throws(MCPError) {
        switch try await answer(to: .initialize(limits), as: .newestWithHandshake) {
        case .result(let result):
            let version = try MCPHandshake.version(result)
            state.withLock { $0.version = version }
            try write(.notification(method: "notifications/initialized", params: nil))
        case .error(let code, let message, _):
            let discover = MCPCall(method: "server/discover", timeout: limits.setupTimeout)
            guard case .result(let result) = try await answer(to: discover, as: .july2026),
                MCPHandshake.isWithoutHandshake(result)
            else { throw .refused(code, message) }
            state.withLock { $0.version = .july2026 }
        }
    }

    func send(_ call: MCPCall) async throws(MCPError) -> JSONValue {
        try await answer(to: call, as: state.withLock(\.version) ?? .newestWithHandshake).result()
    }

    private func answer(to call: MCPCall, as version: MCPVersion) async throws(MCPError) -> MCPAnswer {
        let (id, answers) = state.withLock { state in
            state.lastID += 1
            return (state.lastID, state.answers)
        }
        let message = MCPMessage.request(id: .integer(id), method: call.method, params: call.params(for: version))
        let timer = Task {
            try await Task.sleep(for: call.timeout)
            expire(id, call, answers)
        }
        defer { timer.cancel() }
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let fault = state.withLock { state in
                    if state.fault == nil { state.pending[id] = continuation }
                    return state.fault
                }
                if let fault { return continuation.resume(returning: .failure(fault)) }
                do throws(MCPError) { try write(message) } catch { finish(id, .failure(error)) }
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
        return try outcome.get()
    }

    private func write(_ message: MCPMessage) throws(MCPError) {
        // JSON has line feeds as escapes alone.
        guard state.withLock(\.command)?.write(message.bytes + [UInt8(ascii: "\n")]) ?? false else {
            throw MCPError(.ended, "The server does not read its input.", isUnconfirmed: false)
        }
    }

    private func cancel(_ id: Int64) {
        finish(id, .failure(MCPError(.cancelled, "The request was cancelled.")))
        try? write(Self.cancellation(of: id))
    }

    /// The time of a request is over. A server that has answered nothing since hangs, and is ended.
    private func expire(_ id: Int64, _ call: MCPCall, _ answers: Int) {
        let hangs = state.withLock { $0.pending[id] != nil && $0.answers == answers }
        let seconds = call.timeout.components.seconds
        finish(id, .failure(MCPError(.timedOut, "The server did not answer \(call.method) within \(seconds) s.")))
        if hangs { stop() } else { try? write(Self.cancellation(of: id)) }
    }

    private static func cancellation(of id: Int64) -> MCPMessage {
        .notification(method: "notifications/cancelled", params: ["requestId": .integer(id)])
    }

    private func finish(_ id: Int64, _ outcome: Outcome) {
        state.withLock { $0.pending.removeValue(forKey: id) }?.resume(returning: outcome)
    }

    /// Ends all requests that wait, and refuses further ones.
    private func fail(_ fault: MCPError) {
        let pending = state.withLock { state in
            state.fault = state.fault ?? fault
            defer { state.pending = [:] }
            return Array(state.pending.values)
        }
        for continuation in pending { continuation.resume(returning: .failure(fault)) }
    }

    // MARK: The thread of the process

    /// - Returns: false to end the process.
    private func receive(_ chunk: [UInt8]) -> Bool {
        var (outcomes, replies): ([(CheckedContinuation<Outcome, Never>, Outcome)], [MCPMessage]) = ([], [])
        let fault: MCPError? = state.withLock { state in
            guard state.fault == nil else { return state.fault }
            state.bytes += chunk.count
            let bytesMax = limits.messageBytes * 2
            guard state.bytes <= bytesMax else {
                return MCPError(.tooLarge, "The server writes more than \(bytesMax) bytes without an answer.")
            }
            var rest = chunk[...]
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let line = state.line + rest[..<end]
                state.line = []
                rest = rest[(end + 1)...]
                do throws(MCPError) { try take(line, &state, &outcomes, &replies) } catch { return error }
            }
            state.line += rest
            guard state.line.count <= limits.messageBytes else {
                return MCPError(.tooLarge, "The server writes a line of more than \(limits.messageBytes) bytes.")
            }
            return nil
        }
        for (continuation, outcome) in outcomes { continuation.resume(returning: outcome) }
        for reply in replies { try? write(reply) }
        if let fault { fail(fault) }
        return fault == nil
    }

    private func take(
        _ line: [UInt8], _ state: inout State, _ outcomes: inout [(CheckedContinuation<Outcome, Never>, Outcome)],
        _ replies: inout [MCPMessage]
    ) throws(MCPError) {
        guard let message = try Self.message(line) else {
            if !line.allSatisfy({ $0 == 0x20 || $0 == 0x0D }) { state.skippedLines += 1 }
            return
        }
        state.messages += 1
        guard state.messages <= limits.messages else {
            throw MCPError(.tooLarge, "The server writes more than \(limits.messages) messages without an answer.")
        }
        switch message {
        case .notification: break
        case .request(let id, let method, _):
            replies.append(
                method == "ping"
                    ? .result(id: id, [:])
                    : .error(id: id, code: MCPErrorCode.methodNotFound, message: "Method not found", data: nil))
        case .result(let id, let result): try take(.result(result), id, &state, &outcomes)
        case .error(let id, let code, let message, let data):
            // An error without an id is that of a message, all of which are well-formed.
            guard let id else { return }
            try take(.error(code: code, message: message, data: data), id, &state, &outcomes)
        }
    }

    private func take(
        _ answer: MCPAnswer, _ id: JSONValue, _ state: inout State,
        _ outcomes: inout [(CheckedContinuation<Outcome, Never>, Outcome)]
    ) throws(MCPError) {
        // Requests that have ended before, such as by their time, may still be answered.
        guard let number = id.integer, (1...max(1, state.lastID)).contains(number) else {
            throw .malformed("The server answers a request that it has not got.")
        }
        guard let continuation = state.pending.removeValue(forKey: number) else { return }
        (state.bytes, state.messages) = (0, 0)
        state.answers += 1
        outcomes.append((continuation, .success(answer)))
    }

    /// - Returns: nil for a line that is no message of the protocol.
    /// - Throws: `malformed` for one that begins like a message and is none, such as one with invalid UTF-8.
    private static func message(_ line: [UInt8]) throws(MCPError) -> MCPMessage? {
        do {
            return MCPMessage(try JSONValue(parsing: line))
        } catch {
            guard line.starts(with: Array(#"{"jsonrpc""#.utf8)) else { return nil }
            throw .malformed("The server writes a message that is not JSON: \(error).")
        }
    }

    // MARK: Ends

    private static func unavailable(_ error: CommandSandboxError) -> MCPError {
        switch error {
        case .overloaded: MCPError(.unavailable, "As many servers run as may. Try again later.")
        case .invalid(let reason): MCPError(.unavailable, "The command of the server is not valid: \(reason).")
        case .cancelled: MCPError(.ended, "The server was stopped.")
        // The reason may name paths of this machine.
        case .folder, .unavailable, .system: MCPError(.unavailable, "This system cannot run the server.")
        }
    }

    private static func fault(of command: InteractiveCommand) -> MCPError {
        let errors = MCPError.quoted(command.standardError.text)
        let said = errors.isEmpty ? "" : " It has written: \(errors)"
        switch command.end {
        case .failed(let error)?: return unavailable(error)
        case .command(.exited(let status))?:
            return MCPError(.ended, "The server has ended with the status \(status).\(said)")
        case .command(.signaled(let signal))?:
            return MCPError(.ended, "The server was ended by the signal \(signal).\(said)")
        case .command(.limitReached(let limit))?:
            return MCPError(.ended, "The server has exceeded its limit of \(limit.rawValue).\(said)")
        case .stopped?, nil: return MCPError(.ended, "The server was stopped.\(said)")
        }
    }
}
