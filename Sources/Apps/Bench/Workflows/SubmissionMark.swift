import Foundation

/// The file by which the proof tells its processes that everything was submitted.
struct SubmissionMark {
    private let path: String

    init(in folder: String) { path = "\(folder)/submitted" }

    func write() { _ = FileManager.default.createFile(atPath: path, contents: nil) }

    var exists: Bool { FileManager.default.fileExists(atPath: path) }
}
