import Foundation

/// The two CSV files that the tour uploads.
struct Examples: Sendable {
    let seattle: String
    let sanFrancisco: String

    /// - Parameter folder: of the files; nil for `Examples` in the current folder, or in one of five folders above the
    ///   program.
    init(in folder: String?) throws {
        let candidates = folder.map { [$0] } ?? Self.candidates
        let found = candidates.first { folder in
            [Self.seattleName, Self.sanFranciscoName].allSatisfy {
                FileManager.default.isReadableFile(atPath: "\(folder)/\($0)")
            }
        }
        guard let found else {
            let names = "\(Self.seattleName) and \(Self.sanFranciscoName)"
            throw Failure(
                "\(names) were not found. Give their folder with --examples, or run the tour in a clone of the project."
            )
        }
        seattle = "\(found)/\(Self.seattleName)"
        sanFrancisco = "\(found)/\(Self.sanFranciscoName)"
    }

    /// The first lines of a file.
    func beginning(of path: String, lines: Int) throws -> [UInt8] {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        return Array(
            text.split(separator: "\n", omittingEmptySubsequences: false).prefix(lines).joined(separator: "\n").utf8)
    }

    static let seattleName = "seattle-temps.csv"
    static let sanFranciscoName = "sf-temps.csv"

    private static var candidates: [String] {
        var folders = [FileManager.default.currentDirectoryPath]
        var folder = (Bundle.main.executableURL ?? URL(filePath: CommandLine.arguments[0])).resolvingSymlinksInPath()
            .deletingLastPathComponent()
        // .build/x86_64-unknown-linux-gnu/release is three levels below the clone.
        for _ in 0..<5 {
            folders.append(folder.path)
            folder.deleteLastPathComponent()
        }
        return folders.map { "\($0)/Examples" }
    }
}
