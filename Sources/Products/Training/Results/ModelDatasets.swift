import Forecasting
import Foundation
import Modules

/// The datasets that a model was trained on. A session's datasets may be made anew, so every model keeps the manifest of its own beside it:
/// its scalers are a part of the model.
struct ModelDatasets: Sendable {
    /// The folder of the training run.
    let own: URL
    /// The folder of the session's present datasets.
    let present: URL?

    static func keepManifest(of datasets: URL, in folder: URL) throws {
        try manifestFile(datasets).copy(to: manifestFile(folder))
    }

    func manifest() throws -> DatasetManifest {
        try JSONDecoder().decode(DatasetManifest.self, from: Data(contentsOf: Self.manifestFile(own)))
    }

    /// - Throws: `results-not-found` where the datasets have been replaced since.
    func open() throws -> Dataset {
        if FileManager.default.fileExists(atPath: own.appending(path: "inputs.npy").path) { return try Dataset(own) }
        guard let present,
            FileManager.default.contentsEqual(
                atPath: Self.manifestFile(own).path, andPath: Self.manifestFile(present).path)
        else {
            throw Problem(
                .resultsNotFound, title: "The datasets of this model have been replaced",
                detail: "Train a model on the present datasets.")
        }
        return try Dataset(present)
    }

    private static func manifestFile(_ folder: URL) -> URL { folder.appending(path: "manifest.json") }
}

extension URL {
    fileprivate func copy(to target: URL) throws { try FileManager.default.copyItem(at: self, to: target) }
}
