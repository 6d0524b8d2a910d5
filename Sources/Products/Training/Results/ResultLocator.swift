import Foundation
import Identity
import Modules

/// Finds the models and the dataset folders of a session.
struct ResultLocator: Sendable {
    let database: any Database
    let filePaths: TrainingFilePaths

    /// - Parameter fileName: the model's file name; the latest model where nil.
    /// - Throws: `session-not-found`, `model-not-found`.
    func model(
        _ scope: Scope, _ name: String, fileName: String?
    ) async throws(Problem) -> (TrainingSession, StoredModel) {
        try await database.read { transaction in
            let session = try transaction.trainingSession(name, in: scope)
            let models = try transaction.models(of: session)
            guard let model = fileName == nil ? models.first : models.first(where: { $0.fileName == fileName }) else {
                throw Problem(.modelNotFound)
            }
            return (session, model)
        }
    }

    /// The folder of a session's present datasets.
    /// - Throws: `session-not-found`, `results-not-found`.
    func datasets(_ scope: Scope, _ name: String) async throws(Problem) -> URL {
        let run = try await database.read { transaction in
            try transaction.datasets(of: try transaction.trainingSession(name, in: scope))?.0
        }
        guard let run, let folder = folder(of: run) else {
            throw Problem(.resultsNotFound, detail: "Generate the datasets first.")
        }
        return folder
    }

    /// The datasets that a model was trained on.
    func datasets(of model: StoredModel, _ session: TrainingSession) async throws(Problem) -> ModelDatasets {
        let run = try await database.read { try $0.datasets(of: session)?.0 }
        return ModelDatasets(own: folder(of: model, session), present: run.flatMap { folder(of: $0) })
    }

    /// The folder of a run's results; nil where the run has none.
    func folder(of run: Run) -> URL? {
        run.attempt.map { filePaths.url(filePaths.attempt($0, at: run.id, of: run.session)) }
    }

    func file(_ model: StoredModel, of session: TrainingSession) -> URL {
        folder(of: model, session).appending(path: model.fileName)
    }

    private func folder(of model: StoredModel, _ session: TrainingSession) -> URL {
        filePaths.url(filePaths.attempt(model.attempt, at: model.run, of: session.id))
    }
}
