import Files
import Forecasting
import Foundation
import Modules

/// The folder and the threads of a run.
struct RunWorkspace: Sendable {
    let filePaths: TrainingFilePaths
    let pool: BlockingPool

    /// Calls `body` with the folder of this attempt. The folders of earlier attempts are removed before, and the folder
    /// of this attempt where `body` throws.
    func withFolder<Result>(
        of run: Run, _ context: JobContext, _ body: (URL) async throws -> Result
    ) async throws -> Result {
        try await filePaths.store.remove(filePaths.run(run.id, of: run.session))
        let attempt = filePaths.attempt(context.fence, at: run.id, of: run.session)
        do {
            return try await body(URL(filePath: try await filePaths.store.folder(attempt)))
        } catch {
            try? await filePaths.store.remove(attempt)
            throw error
        }
    }

    /// The size of the files of this attempt, in bytes.
    func bytes(of run: Run, _ context: JobContext) async throws -> Int64 {
        try await filePaths.store.bytes(under: filePaths.attempt(context.fence, at: run.id, of: run.session))
    }

    /// A generator that writes no more than the storage that the run occupies.
    func generator(_ recipe: DatasetRecipe, for run: Run) throws(DatasetFault) -> DatasetGenerator {
        var generator = try DatasetGenerator(recipe)
        generator.bytesMax = min(generator.bytesMax, Int(run.storageBytes))
        return generator
    }

    /// Runs `body` on a thread of the pool and forwards its progress to the job and to `publish`. Of reports that come
    /// faster than they are stored only the newest is kept, but every epoch.
    /// - Throws: ``JobFailure/permanent(_:)`` for a fault of the data, the datasets or the model.
    func compute<Result: Sendable>(
        _ context: JobContext,
        publishing publish: @escaping @Sendable (RunProgress, [EpochReport]) async -> Void,
        _ body: @escaping @Sendable (_ report: (RunProgress) -> Void) throws -> Result
    ) async throws -> Result {
        let (signals, sender) = AsyncStream.makeStream(of: RunProgress.self, bufferingPolicy: .bufferingNewest(1))
        let pending = PendingProgress()
        async let forwarding: Void = {
            for await update in signals {
                await context.report(percent: update.percent, phase: update.phase, message: update.message)
                if let (progress, epochs) = pending.take() { await publish(progress, epochs) }
            }
        }()
        do {
            let result = try await pool.run {
                try Self.failingForGood {
                    try body { progress in
                        pending.add(progress)
                        sender.yield(progress)
                    }
                }
            }
            sender.finish()
            await forwarding
            return result
        } catch {
            sender.finish()
            await forwarding
            throw error
        }
    }

    /// A repetition finds the same fault.
    private static func failingForGood<Result>(_ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let fault as DatasetFault {
            throw JobFailure.permanent(fault.message)
        } catch let fault as ModelFault {
            throw JobFailure.permanent(fault.message)
        } catch let fault as SeriesFault {
            throw JobFailure.permanent(fault.message)
        }
    }
}

/// The progress of a run, which `GET /v1/training/status/{session}` returns.
struct RunProgress: Sendable {
    /// 0 to 100.
    var percent: Double
    var phase: String
    var message: String?
    /// The epoch that has ended.
    var epoch: EpochReport?
}
