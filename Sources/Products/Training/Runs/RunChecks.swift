import Forecasting
import Foundation
import Modules

/// What is checked of a run before its unit is reserved, beyond the recipe itself.
enum RunChecks {
    /// - Throws: `dataset-not-ready` where the files or settings of the session have changed since the datasets were
    ///   generated.
    static func requireCurrent(_ datasets: DatasetResult, _ session: TrainingSession, in transaction: Transaction)
        throws
    {
        let files = try transaction.seriesFiles(of: session)
        let generated = named(datasets.recipe)
        let present = session.steps.map { steps in
            named(
                SessionRecipe(session: session, files: files, steps: steps).recipe(
                    split: datasets.recipe.split, maximumGapMinutes: datasets.recipe.maximumGapMinutes
                ) { URL(filePath: "/\($0.twin(among: files).id.text).series") })
        }
        guard present != generated else { return }
        let parts: [(String, Bool)] = [
            ("the steps", present?.steps != generated.steps),
            ("the time features", present?.timeFeatures != generated.timeFeatures),
            ("the inputs", present?.inputs != generated.inputs), ("the outputs", present?.outputs != generated.outputs),
        ]
        let changed = parts.filter(\.1).map(\.0).joined(separator: ", ")
        throw Problem(
            .datasetNotReady, title: "The settings have changed since the datasets were generated",
            detail: "Changed: \(changed). Generate the datasets again: "
                + "POST /v1/training/generate-datasets/\(session.clientID).")
    }

    /// - Throws: `validation-failed` where a split asks for more datasets than there are.
    static func requireCounts(_ split: DatasetSplit, of count: Int) throws(Problem) {
        guard split.unit == .count else { return }
        let wanted = Int(split.train + split.validation + split.test)
        guard wanted > count else { return }
        throw Problem.invalid(
            "/training_split/n_train", "asks with n_val and n_test for \(wanted) datasets, but there are \(count)")
    }

    /// As ``requireCounts(_:of:)``, before the datasets exist: there are at most as many as reference times.
    static func requireCounts(_ split: DatasetSplit, of session: TrainingSession, in transaction: Transaction) throws {
        guard let steps = session.steps else { return }
        let inputs = try transaction.seriesFiles(of: session).filter { $0.kind == .input }.map(\.report.statistics)
        let count = DatasetRecipe.Steps(
            inputSteps: steps.inputs, outputSteps: steps.outputs, stepMinutes: steps.minutes,
            offsetMinutes: steps.offset ?? 0
        ).referenceCount(inputs.map { ($0.first, $0.last) })
        try requireCounts(split, of: count)
    }

    /// Files are identified by the names of their series, because the data folder may be moved.
    private static func named(_ recipe: DatasetRecipe) -> DatasetRecipe {
        var recipe = recipe
        func rename(_ channels: inout [DatasetRecipe.Channel]) {
            for index in channels.indices {
                channels[index].series = URL(filePath: "/\(channels[index].series.lastPathComponent)")
            }
        }
        rename(&recipe.inputs)
        rename(&recipe.outputs)
        return recipe
    }
}
