import Foundation

/// The file of the data folder that lists the SQLite databases that were used with it.
///
/// SQLite creates a database that it does not find. After a lost mount or a wrong path a start would then answer with
/// an empty one, as if every account had been deleted.
struct DatabaseMarker {
    let folder: DataFolder

    private var file: String { "\(folder.path)/databases" }

    /// - Parameter path: of the configured database file.
    /// - Throws: ``MissingDatabase`` when this data folder was used with that file and the file does not exist.
    func check(_ path: String) throws {
        guard names.contains(name(of: path)), !Self.hasContent(path) else { return }
        throw MissingDatabase(path: path)
    }

    /// Adds the file to the list.
    func add(_ path: String) throws {
        let name = name(of: path)
        guard !names.contains(name) else { return }
        try Data((names + [name]).joined(separator: "\n").appending("\n").utf8).write(
            to: URL(fileURLWithPath: file), options: .atomic)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
    }

    private var names: [String] {
        ((try? String(contentsOfFile: file, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }

    /// Relative to the data folder where the file is inside, so that the folder can be moved.
    private func name(of path: String) -> String {
        let full = URL(fileURLWithPath: path).standardizedFileURL.path
        let root = URL(fileURLWithPath: folder.path).standardizedFileURL.path + "/"
        return full.hasPrefix(root) ? String(full.dropFirst(root.count)) : full
    }

    /// SQLite takes an empty file for a new database.
    private static func hasContent(_ path: String) -> Bool {
        let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
        return (size ?? 0) > 0
    }
}

/// The database that an installation has used does not exist.
package struct MissingDatabase: Error, CustomStringConvertible {
    package let path: String
    package var description: String {
        "The database \(path) does not exist, although this data folder was used with it. Check that its disk is "
            + "mounted and that the path is right, or restore it from a backup. With --new an empty one is created."
    }
}
