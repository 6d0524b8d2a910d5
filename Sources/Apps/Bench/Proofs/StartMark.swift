import Foundation

/// The file by which a process of a proof tells that it has started: on a busy machine its start takes longer than the
/// time after which it is killed.
struct StartMark {
    private let path: String

    /// - Parameters:
    ///   - process: its identifier.
    ///   - folder: of all processes of the proof.
    init(of process: Int32, in folder: String) { path = "\(folder)/started-\(process)" }

    func write() { _ = FileManager.default.createFile(atPath: path, contents: nil) }

    var exists: Bool { FileManager.default.fileExists(atPath: path) }
}
