import Forecasting
import Foundation
import Modules

/// What a session's files and settings say about its datasets.
struct SessionRecipe: Sendable {
    let session: TrainingSession
    let files: [SeriesFile]
    let steps: StepSettings

    /// - Parameter place: where the series of a file lies.
    func recipe(split: DatasetSplit, place: (SeriesFile) -> URL) -> DatasetRecipe {
        func channels(_ kind: SeriesFile.Kind) -> [DatasetRecipe.Channel] {
            var taken: Set<String> = []
            return files.filter { $0.kind == kind }.map { file in
                var channel = file.channel(at: place(file))
                // Two files may bear the same label; columns may not.
                var number = 2
                while !taken.insert(channel.name).inserted {
                    channel.name = "\(file.label) (\(number))"
                    number += 1
                }
                return channel
            }
        }
        return DatasetRecipe(
            inputs: channels(.input),
            outputs: channels(.output),
            steps: DatasetRecipe.Steps(
                inputSteps: steps.inputs, outputSteps: steps.outputs, stepMinutes: steps.minutes,
                offsetMinutes: steps.offset ?? 0),
            timeFeatures: session.timeInfo?.features ?? TimeFeatures(),
            split: split
        )
    }
}
