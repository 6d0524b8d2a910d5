package import Foundation

/// The sources that the tests were built from.
package enum Repository {
    package static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../..").standardizedFileURL

    /// A file or folder by its path from the root.
    package static func url(_ path: String) -> URL { root.appending(path: path) }
}
