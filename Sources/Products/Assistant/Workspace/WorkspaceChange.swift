import Identity
import Modules

/// A change of a workspace that is under way, with the most that it may add: written down before the disk is changed.
struct WorkspaceChange: Sendable {
    let id: ID<WorkspaceChange>
    let organisation: ID<Organisation>
    let bytes: Int64
    let entries: Int64

    /// Longer than a body may take to arrive. A change whose process was killed is over then.
    static let lifetime = Duration.hours(1)
}

/// What the workspace of an organisation takes, as it was counted.
struct WorkspaceUsage: Sendable {
    let bytes: Int64
    let entries: Int64
    let heldBytes: Int64
    let heldEntries: Int64
    /// Increases with every change.
    let version: Int64

    /// Of one organisation.
    static let bytesMax: Int64 = 256 << 20
    /// Files and folders of one organisation.
    static let entriesMax: Int64 = 10_000
    /// Tools change workspaces too: each is counted anew when this long has passed.
    static let countInterval = Duration.days(1)

    init(row: Row) throws {
        bytes = try row["bytes"]
        entries = try row["entries"]
        heldBytes = try row["held_bytes"]
        heldEntries = try row["held_entries"]
        version = try row["version"]
    }
}
