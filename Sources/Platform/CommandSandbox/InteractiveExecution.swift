import Glibc

/// One run of a command that is talked to, on the thread that calls it.
struct InteractiveExecution: Sendable {
    /// Between two measurements: such a command mostly waits, and each measurement takes time.
    private static let interval: Duration = .milliseconds(100)
    /// Between the end of the input and the end by force.
    private static let stopTimeMax: Duration = .seconds(1)

    private let command: SandboxedCommand
    private let program: String

    init(_ command: SandboxedCommand, program: String) {
        self.command = command
        self.program = program
    }

    /// - Parameters:
    ///   - running: is finished at the end.
    ///   - output: gets the standard output as it is written; returns false to end the command.
    func run(
        _ running: InteractiveCommand, input: InteractiveInput, far: OwnedDescriptor,
        output: @Sendable ([UInt8]) -> Bool
    ) {
        var errors = CommandOutput(bytes: [], isTruncated: false)
        do throws(CommandSandboxError) {
            let end = try execute(running, input, far, output, &errors)
            running.finish(end, errors: errors)
        } catch {
            running.finish(.failed(error), errors: errors)
        }
    }

    private func execute(
        _ running: InteractiveCommand, _ input: InteractiveInput, _ far: OwnedDescriptor,
        _ output: ([UInt8]) -> Bool, _ captured: inout CommandOutput
    ) throws(CommandSandboxError) -> InteractiveCommand.End {
        let folder = try WorkingFolder(command.folder, limits: command.limits)
        var outputPipe = try OutputPipe(limit: 0)
        var errorPipe = try OutputPipe(limit: command.limits.output)
        let process = try SandboxProcess(
            command, program: program, input: far, output: outputPipe.takeWriteEnd(),
            errors: errorPipe.takeWriteEnd())
        let tree = try process.start(&errorPipe) { running.isStopping }
        let stop = watch(running, process, tree, folder, input, &outputPipe, &errorPipe, output)
        process.kill()
        let end = process.wait()
        // The writing ends are closed by now.
        while let chunk = outputPipe.readChunk(), output(chunk) {}
        errorPipe.discardBeyondLimit()
        captured = errorPipe.captured
        return switch stop {
        case .ended: .command(CommandEnd(shellStatus: end.status))
        case .reached(let limit): .command(.limitReached(limit))
        case .refused: .stopped
        }
    }

    private enum Stop {
        case ended
        case reached(CommandLimit)
        /// Its output was, or it has not ended with its input.
        case refused
    }

    private func watch(
        _ running: InteractiveCommand, _ process: SandboxProcess, _ tree: ProcessTree, _ folder: WorkingFolder,
        _ input: InteractiveInput, _ outputPipe: inout OutputPipe, _ errorPipe: inout OutputPipe,
        _ output: ([UInt8]) -> Bool
    ) -> Stop {
        let clock = ContinuousClock()
        let started = clock.now
        var (measurement, folderMeasurement) = (started, started)
        var stopDeadline: ContinuousClock.Instant?
        while true {
            var entries = input.pollEntries + [outputPipe.pollEntry, errorPipe.pollEntry]
            let hasEnded = process.poll(&entries, until: measurement)
            input.flush()
            // One chunk a turn: a flood of output stops neither the input nor the measurements.
            if entries[2].revents != 0, let chunk = outputPipe.readChunk(), !output(chunk) { return .refused }
            if entries[3].revents != 0 { errorPipe.discardBeyondLimit() }
            if hasEnded { return .ended }
            let now = clock.now
            if running.isStopping {
                let deadline = stopDeadline ?? now + Self.stopTimeMax
                stopDeadline = deadline
                if now >= deadline { return .refused }
            }
            guard now >= measurement else { continue }
            measurement = now + Self.interval
            if now - started > command.limits.wallTime { return .reached(.wallTime) }
            if let limit = tree.limitReached(command.limits) { return .reached(limit) }
            if now >= folderMeasurement {
                guard folder.isWithinLimits() else { return .reached(.folder) }
                folderMeasurement = now + (clock.now - now) * CommandExecution.folderShare
            }
        }
    }
}
