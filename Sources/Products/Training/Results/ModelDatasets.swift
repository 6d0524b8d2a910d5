import Forecasting
import Foundation
import Modules

/// The datasets that a model was trained on.
///
/// The folder of a model has a copy of the manifest, because the scalers are a part of the model and the session's
/// datasets may be replaced.
struct ModelDatasets: Sendable {
    /// The folder of the training run.
    let own: URL
    /// The folder of the session's present datasets; nil where there are none.
    let present: URL?

    static func copyManifest(of datasets: URL, to folder: URL) throws {
        try FileManager.default.copyItem(at: manifestFile(datasets), to: manifestFile(folder))
    }

    func manifest() throws -> DatasetManifest {
        try JSONDecoder().decode(DatasetManifest.self, from: Data(contentsOf: Self.manifestFile(own)))
    }

    /// - Throws: `results-not-found` where the datasets have been replaced.
    func open() throws -> Dataset { try Dataset(folder()) }

    /// The folder with the arrays.
    /// - Throws: `results-not-found` where the datasets have been replaced.
    func folder() throws -> URL {
        if FileManager.default.fileExists(atPath: own.appending(path: "inputs.npy").path) { return own }
        guard let present,
            FileManager.default.contentsEqual(
                atPath: Self.manifestFile(own).path, andPath: Self.manifestFile(present).path)
        else {
            throw Problem(
                .resultsNotFound, title: "The datasets of this model have been replaced",
                detail: "Train a model on the present datasets.")
        }
        return present
    }

    private static func manifestFile(_ folder: URL) -> URL { folder.appending(path: "manifest.json") }
}
