import Files
import Modules

/// An archive of all personal data of a person.
struct Export: Sendable {
    let id: ID<Export>
    let person: ID<Person>
    let state: ExportView.State
    let fileName: String?
    let bytes: Int64?
    let sealedToken: String?
    let requestedAt: Instant
    let readyAt: Instant?
    let expiresAt: Instant

    /// The time for which a ready archive can be downloaded.
    static let lifetime: Duration = .days(7)

    static let folder = FileStore.Key("exports")
    static func fileKey(_ fileName: String) -> FileStore.Key { FileStore.Key("exports", fileName) }
}
