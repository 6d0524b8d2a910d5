import Foundation

/// The files of generated datasets.
struct DatasetFiles {
    let inputs: URL
    let outputs: URL
    let references: URL
    /// The part of each dataset: 0 training, 1 validation, 2 test, 3 none.
    let parts: URL
    let manifest: URL

    init(_ folder: URL) {
        inputs = folder.appending(path: "inputs.npy")
        outputs = folder.appending(path: "outputs.npy")
        references = folder.appending(path: "references.npy")
        parts = folder.appending(path: "parts.npy")
        manifest = folder.appending(path: "manifest.json")
    }

    func remove() {
        // The manifest is removed first: a folder without it has no datasets.
        for url in [manifest, inputs, outputs, references, parts] { unlink(url.path) }
    }
}
