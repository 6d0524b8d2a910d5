import Forecasting
import Foundation
import Modules

/// The dataset recipe given by a session's files and settings.
struct SessionRecipe: Sendable {
    let session: TrainingSession
    let files: [SeriesFile]
    let steps: StepSettings

    /// - Parameters:
    ///   - maximumGapMinutes: the longest gap that is interpolated; 1.5 times the usual step of each series where nil.
    ///   - seriesURL: the URL of a file's imported series.
    func recipe(
        split: DatasetSplit, maximumGapMinutes: Double? = nil, seriesURL: (SeriesFile) -> URL
    ) -> DatasetRecipe {
        func channels(_ kind: SeriesFile.Kind) -> [DatasetRecipe.Channel] {
            var names: Set<String> = []
            return files.filter { $0.kind == kind }.map { file in
                var channel = file.channel(at: seriesURL(file))
                // Two files may have the same label; column names are unique.
                var number = 2
                while !names.insert(channel.name).inserted {
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
            split: split,
            maximumGapMinutes: maximumGapMinutes
        )
    }
}
