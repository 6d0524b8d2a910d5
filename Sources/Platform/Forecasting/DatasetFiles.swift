import Foundation

/// The files of generated datasets.
struct DatasetFiles {
    let inputs: URL
    let outputs: URL
    let references: URL
    let manifest: URL

    init(_ folder: URL) {
        inputs = folder.appending(path: "inputs.npy")
        outputs = folder.appending(path: "outputs.npy")
        references = folder.appending(path: "references.npy")
        manifest = folder.appending(path: "manifest.json")
    }

    func remove() {
        // The manifest is removed first: a folder without it has no datasets.
        for url in [manifest, inputs, outputs, references] { unlink(url.path) }
    }
}
