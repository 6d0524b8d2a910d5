import AWS
import Identity
import Modules
import Secrets
import SpotDecisions

/// The trial of the engine on one instance, with credentials that are kept until its end.
struct SandboxSession: Sendable {
    enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case active
        /// Its time is over.
        case expired
        /// Its owner has ended it.
        case ended
    }

    /// Whether what the session made in AWS is removed.
    enum CleanUp: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        /// The session lasts.
        case none
        case pending
        case done
        /// Something could not be removed; the report names it.
        case incomplete
    }

    /// In tags, topics, jobs and the audit trail. It gives no access.
    let id: ID<SandboxSession>
    let organisation: ID<Organisation>
    let person: ID<Person>
    /// The id that clients use. It gives the right to read the log.
    let key: SessionKey
    let tempUsername: String
    /// A Fernet token of ``SealedCredentials``; nil after the clean-up.
    let sealedKeys: String?
    /// The account of the credentials; nil where AWS was not asked.
    let awsAccount: String?
    let region: String
    let originalInstance: String
    /// The instance that is decided about: the original one, or its replacement.
    let instance: String
    let pool: SpotPool
    /// Whether a decision to switch replaces the instance.
    let actuates: Bool
    let state: State
    /// What the owner reported of the instance.
    let signal: InterruptionSignal
    let evaluation: ID<SandboxEvaluation>?
    let evaluatingUntil: Instant?
    let cleanUp: CleanUp
    /// What is left in AWS and why, in sentences: what could not be removed, or a replacement that stays.
    let cleanUpReport: String?
    let createdAt: Instant
    let expiresAt: Instant
    let endedAt: Instant?

    /// How long ended sessions are kept.
    static let retention = Duration.days(90)

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        person = try row["person_id"]
        key = SessionKey(trusted: try row["session_key"])
        tempUsername = try row["temp_username"]
        sealedKeys = try row["aws_keys"]
        awsAccount = try row["aws_account"]
        region = try row["aws_region"]
        originalInstance = try row["original_instance_id"]
        instance = try row["instance_id"]
        pool = SpotPool(try row["instance_type"], try row["availability_zone"])
        actuates = try row["actuates"]
        state = try row["state"]
        signal = InterruptionSignal(rawValue: try row["signal"]) ?? .none
        evaluation = try row["evaluation_id"]
        evaluatingUntil = try row["evaluating_until"]
        cleanUp = try row["clean_up"]
        cleanUpReport = try row["clean_up_report"]
        createdAt = try row["created_at"]
        expiresAt = try row["expires_at"]
        endedAt = try row["ended_at"]
    }

    /// Whether it can be used. Its time counts, not whether a job has marked it as expired.
    func isActive(at now: Instant) -> Bool { state == .active && expiresAt > now }

    /// - Throws: `session-expired` for a session that has ended.
    func requireActive(at now: Instant) throws(Problem) {
        guard !isActive(at: now) else { return }
        throw Problem(
            .sessionExpired,
            detail: state == .ended ? "The session was ended. Create another one." : "Create another one.")
    }
}

/// The id of a session for its clients: 192 random bits in base64url. It is a capability.
struct SessionKey: Sendable, Hashable {
    let text: String

    static let bytes = 24
    static let characters = 32

    init(_ runtime: Runtime) { text = Base64URL.encode(runtime.randomBytes(Self.bytes)) }

    init(trusted text: String) { self.text = text }

    /// - Returns: nil for text of another form.
    init?(_ text: String) {
        guard text.utf8.count == Self.characters, Base64URL.decode(text)?.count == Self.bytes else { return nil }
        self.text = text
    }
}

// Descriptions have a part of it, which identifies the session in logs and gives no access.
extension SessionKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    var description: String { "\(text.prefix(4))…" }
    var debugDescription: String { description }
    var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension SessionKey: SQLBindable {
    var sqlValue: SQL.Value { .text(text) }
}

/// Only its id exists: it tells the evaluation that holds a session from one whose time was over.
enum SandboxEvaluation {}
