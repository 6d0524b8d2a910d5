package import Base
import Foundation

/// Folders of work in progress, which is removed when it ends. A folder that a killed process has left is removed later.
package struct ScratchFolders: Sendable {
    private let store: FileStore
    private let name: String
    private let lifetime: Duration
    private let runtime: Runtime

    package struct Folder: Sendable, Hashable {
        fileprivate let key: FileStore.Key
        /// Absolute.
        package let path: String
    }

    /// - Parameters:
    ///   - name: of the folder that they are in.
    ///   - lifetime: longer than any of the work takes.
    package init(_ name: String, in store: FileStore, removedAfter lifetime: Duration, runtime: Runtime) {
        self.name = name
        self.store = store
        self.lifetime = lifetime
        self.runtime = runtime
    }

    /// Creates an empty folder.
    package func make() async throws -> Folder {
        let key = FileStore.Key(name, runtime.id(of: Folder.self).text).asScratch
        return Folder(key: key, path: URL(filePath: try await store.folder(key)).absoluteURL.path)
    }

    package func remove(_ folder: Folder) async throws { try await store.remove(folder.key) }

    /// Removes the folders that a killed process has left.
    package func removeOld() async throws {
        let oldest = UUIDText.version7(
            milliseconds: (runtime.now() - lifetime).microseconds / 1_000,
            random: [UInt8](repeating: 0, count: 10))
        // The names are ids, which sort by the time of their creation.
        for entry in try await store.names(in: FileStore.Key(name).asScratch) where entry < oldest {
            guard let key = FileStore.Key(segments: [name, entry]) else { continue }
            try await store.remove(key.asScratch)
        }
    }
}
