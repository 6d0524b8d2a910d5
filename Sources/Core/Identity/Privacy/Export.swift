import Files
import Modules
import Secrets

/// An archive of all personal data of a person.
struct Export: Sendable {
    let id: ID<Export>
    let person: ID<Person>
    let state: ExportView.State
    let fileName: String?
    let bytes: Int64?
    let sealedToken: String?
    /// ``mark(of:)`` when it was ready.
    let accountMark: String?
    let requestedAt: Instant
    let readyAt: Instant?
    let expiresAt: Instant

    /// The time for which a ready archive can be downloaded.
    static let lifetime: Duration = .days(7)

    /// The time from the request of an export that became ready to the next one.
    static let interval: Duration = .days(1)

    static let folder = FileStore.Key("exports")
    static func fileKey(_ fileName: String) -> FileStore.Key { FileStore.Key("exports", fileName) }
}

extension Export {
    /// What the link of an export depends on besides its token: an owner who takes an account back changes its password
    /// or its address, and a link that another person has requested must end with their access.
    static func mark(of person: Person) -> String {
        Digest.hex("\(person.passwordHash)\n\(CanonicalText.accountKey(of: person.email))")
    }

    /// Whether the archive can be downloaded: the account is open, and its password and address are those of the time
    /// when the archive was ready.
    func isOpen(to person: Person) -> Bool { !person.isSuspended && accountMark == Self.mark(of: person) }

    /// The refusal of another export while this one is ready and recent.
    func tooSoon(at now: Instant) -> Problem {
        let next = requestedAt + Self.interval
        return Problem(
            .exportTooSoon,
            detail: "The last export is ready: GET /v1/user/export has its link. The next one is possible at \(next).",
            members: ["next_at": .string(next.description)],
            headers: ["Retry-After": String(max(1, Int((next - now).inSeconds.rounded(.up))))]
        )
    }
}

extension Problem.Kind {
    static let exportTooSoon = Self("export-too-soon", "One export a day can be requested", status: 429)
}
