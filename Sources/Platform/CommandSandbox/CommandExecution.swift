/// One run of a command, on the thread that calls it.
struct CommandExecution: Sendable {
    /// Between two measurements, and between a cancellation and its effect at most.
    static let interval: Duration = .milliseconds(25)
    /// The folder is measured for at most one part in this many of the time.
    static let folderShare = 10

    private let command: SandboxedCommand
    private let program: String

    init(_ command: SandboxedCommand, program: String) {
        self.command = command
        self.program = program
    }

    func run(isCancelled: () -> Bool) -> Result<CommandResult, CommandSandboxError> {
        do throws(CommandSandboxError) { return .success(try execute(isCancelled)) } catch { return .failure(error) }
    }

    private func execute(_ isCancelled: () -> Bool) throws(CommandSandboxError) -> CommandResult {
        let folder = try WorkingFolder(command.folder, limits: command.limits)
        var output = try OutputPipe(limit: command.limits.output)
        var errors = try OutputPipe(limit: command.limits.output)
        let process = try SandboxProcess(
            command, program: program, input: OwnedDescriptor(memory: command.input), output: output.takeWriteEnd(),
            errors: errors.takeWriteEnd())
        let tree = try process.start(&errors, isCancelled)
        let started = ContinuousClock.now
        let stop = watch(process, tree, folder, &output, &errors, since: started, isCancelled)
        process.kill()
        let end = process.wait()
        // The writing ends are closed by now: what the pipes hold is all.
        output.readAvailable()
        errors.readAvailable()
        if stop == .cancelled { throw .cancelled }
        return CommandResult(
            end: stop.limit.map { .limitReached($0) } ?? CommandEnd(shellStatus: end.status),
            standardOutput: output.captured,
            standardError: errors.captured,
            usage: CommandUsage(
                wallTime: ContinuousClock.now - started, processorTime: max(end.processorTime, tree.processorTime),
                memory: tree.memory))
    }

    private enum Stop: Equatable {
        case ended
        case cancelled
        case reached(CommandLimit)

        var limit: CommandLimit? { if case .reached(let limit) = self { limit } else { nil } }
    }

    /// Reads the outputs and measures until the command ends or has to be killed.
    private func watch(
        _ process: SandboxProcess, _ tree: ProcessTree, _ folder: WorkingFolder, _ output: inout OutputPipe,
        _ errors: inout OutputPipe, since started: ContinuousClock.Instant, _ isCancelled: () -> Bool
    ) -> Stop {
        let clock = ContinuousClock()
        var (measurement, folderMeasurement) = (started, started)
        while true {
            if process.poll(&output, &errors, until: measurement) { return .ended }
            let now = clock.now
            // A flood of output does not measure more often.
            guard now >= measurement else { continue }
            measurement = now + Self.interval
            if isCancelled() { return .cancelled }
            if now - started > command.limits.wallTime { return .reached(.wallTime) }
            if let limit = tree.limitReached(command.limits) { return .reached(limit) }
            if now >= folderMeasurement {
                guard folder.isWithinLimits() else { return .reached(.folder) }
                folderMeasurement = now + (clock.now - now) * Self.folderShare
            }
        }
    }
}
