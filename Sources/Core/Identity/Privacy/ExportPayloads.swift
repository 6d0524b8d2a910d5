import Modules

struct ExportView: Payload {
    enum State: String, Codable, Sendable, CaseIterable {
        /// None was requested, or it has expired.
        case none
        case preparing, ready, failed
    }

    var id: ID<Export>?
    var state: State
    var requestedAt: Instant?
    var readyAt: Instant?
    /// The time at which the link expires and the archive is deleted.
    var expiresAt: Instant?
    var bytes: Int64?
    /// The URL of the archive. It contains a token and needs no other credential. Absent under impersonation.
    var link: String?
}
