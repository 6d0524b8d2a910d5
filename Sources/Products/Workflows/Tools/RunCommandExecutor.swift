import CommandSandbox
import GoalGraphs
import Modules

/// Runs a line of the shell in a copy of the workflow's folder, in the sandbox alone: without network, without the
/// server's files, within limits of time, memory and output. Changed files are those of the folder with the end of the
/// step. A run after a crash begins anew: the one before has changed nothing.
final class RunCommandExecutor: ToolExecutor {
    let tool = Tool.runCommand
    /// It waits for processes.
    let lane = JobLane.outbound
    private let sandbox: CommandSandbox
    private let copies: WorkingCopyService

    static let argument = "command"

    /// The seconds, and the memory, are those of ``CommandSandbox``.
    private static let limits: CommandLimits = {
        var limits = CommandLimits()
        limits.folderSize = 64 << 20
        return limits
    }()

    init(sandbox: CommandSandbox, copies: WorkingCopyService) {
        self.sandbox = sandbox
        self.copies = copies
    }

    func run(_ run: StepRun) async throws -> ToolResult {
        // A person reads it before it runs.
        let command = try run.writtenText(Self.argument)
        return try await copies.withCopy(of: run.workflow) { copy in
            let result = try await execute(command, in: copy)
            let status = try Self.status(of: result, run.node)
            return .output(
                NodeOutput(text: result.standardOutput.text, status: Int(status)),
                effect: try await copies.changes(in: copy, of: run.workflow))
        }
    }

    /// - Throws: ``StepFailure`` for a command that cannot be run anywhere; other errors are those of the server.
    private func execute(_ command: String, in copy: WorkingCopyService.Copy) async throws -> CommandResult {
        do {
            return try await sandbox.run(
                SandboxedCommand(["/bin/sh", "-c", command], folder: copy.path, limits: Self.limits))
        } catch CommandSandboxError.invalid(let reason) {
            throw StepFailure(.toolError, "The command cannot be run: \(reason).")
        }
    }

    /// - Throws: ``StepFailure`` for a command that was ended, has written too much, or has failed. A status other than
    ///   0 is no failure of a step that has a criterion about it.
    private static func status(of result: CommandResult, _ node: GoalNode) throws(StepFailure) -> Int32 {
        if result.standardOutput.isTruncated || result.standardError.isTruncated {
            throw StepFailure(.resourceExhaustion, "The command has written more than \(limits.output) bytes.")
        }
        switch result.end {
        case .limitReached(.wallTime):
            throw StepFailure(.timeout, "The command has not ended within \(limits.wallTime.components.seconds) s.")
        case .limitReached(let limit):
            throw StepFailure(.resourceExhaustion, "The command has exceeded its limit of \(limit.rawValue).")
        case .signaled(let signal): throw StepFailure(.toolError, "The command was ended by the signal \(signal).")
        case .exited(let status):
            guard status == 0 || node.successCriteria.contains(where: \.isOfStatus) else {
                throw StepFailure(
                    .toolError, "The command has ended with the status \(status). \(result.standardError.text)")
            }
            return status
        }
    }
}

extension SuccessCriterion {
    fileprivate var isOfStatus: Bool { if case .statusIs = self { true } else { false } }
}
