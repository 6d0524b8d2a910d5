import Foundation
package import TestStripe

extension TestStripeServer {
    /// Whether the interpreter has the package `stripe`.
    package static let canCompareShapes =
        (try? Python.run(["-c", "import importlib.util, sys; sys.exit(not importlib.util.find_spec('stripe'))"])) != nil

    /// Compares what was sent and returned with the types of the package `stripe`: parameters of requests, members of
    /// objects and events.
    /// - Returns: the differences; empty where there is none.
    /// - Throws: where the interpreter cannot run the comparison.
    package func shapeFaults() throws -> [String] {
        let file = FileManager.default.temporaryDirectory.appending(path: "stripe-\(UUID().uuidString).jsonl")
        try Data(recordedShapes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let output = try Python.run([Repository.url("Tests/Cases/stripe/shapes.py").path, file.path])
        return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
