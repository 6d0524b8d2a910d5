import Identity
import Modules
import Outbound

/// An address of an organisation to which its events are sent.
///
/// | state | event | next |
/// |---|---|---|
/// | enabled | ``degradingFailures`` attempts fail in a row | degraded |
/// | degraded | a successful attempt | enabled |
/// | degraded | ``disablingFailures`` attempts have failed in a row, over ``disablingTime`` or longer | disabled |
/// | enabled, degraded | a response with the status 410; a request of its organisation | disabled |
/// | disabled | enabled by its organisation | enabled |
/// | any | deleted by its organisation | deleted, until the row is pruned |
///
/// A degraded endpoint is attempted at most once in a while (``pausedUntil``), so that a dead server costs few of the
/// attempts and of the slots that deliveries share. A disabled one gets nothing: its events are kept, and can be
/// replayed.
struct WebhookEndpoint: Sendable {
    enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case enabled, degraded, disabled, deleted
    }

    /// Why an endpoint is disabled.
    enum Reason: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        /// By its organisation.
        case request
        /// It answered 410.
        case gone
        case failures
    }

    let id: ID<WebhookEndpoint>
    let organisation: ID<Organisation>
    var url: UserURL
    var description: String
    /// Names of types, or `*` alone.
    var eventTypes: [String]
    /// Encrypted for the row.
    private(set) var secret: String
    /// The secret before a rotation, with which events are signed too until its end.
    private(set) var previousSecret: String?
    private(set) var previousSecretUntil: Instant?
    private(set) var state = State.enabled
    private(set) var disabledBecause: Reason?
    /// Failed attempts since the last successful one.
    private(set) var failures: Int64 = 0
    private(set) var failingSince: Instant?
    /// Until then a degraded endpoint is not attempted.
    private(set) var pausedUntil: Instant?
    let createdAt: Instant

    /// Endpoints of an organisation.
    static let countMax = 10
    static let degradingFailures: Int64 = 3
    static let disablingFailures: Int64 = 10
    static let disablingTime = Duration.hours(72)
    /// The pause after an endpoint is degraded. It doubles with every further failure, up to the longest.
    static let pause = Duration.seconds(5)
    static let pauseMax = Duration.minutes(15)

    init(
        id: ID<WebhookEndpoint>, organisation: ID<Organisation>, url: UserURL, description: String,
        eventTypes: [String], secret: String, at now: Instant
    ) {
        self.id = id
        self.organisation = organisation
        self.url = url
        self.description = description
        self.eventTypes = eventTypes
        self.secret = secret
        createdAt = now
    }

    var isActive: Bool { state == .enabled || state == .degraded }

    // MARK: Attempts

    mutating func succeed() {
        guard isActive else { return }
        state = .enabled
        clearFailures()
    }

    mutating func fail(at now: Instant) {
        guard isActive else { return }
        failures += 1
        let since = failingSince ?? now
        failingSince = since
        if failures >= Self.disablingFailures, now - since >= Self.disablingTime { return disable(.failures) }
        guard failures >= Self.degradingFailures else { return }
        state = .degraded
        // The shift is bounded: 5 s doubled eight times exceeds the longest pause.
        let doubled = Self.pause * (1 << Int(min(failures - Self.degradingFailures, 8)))
        pausedUntil = now + min(doubled, Self.pauseMax)
    }

    // MARK: Changes of the organisation

    mutating func disable(_ reason: Reason) {
        guard isActive else { return }
        state = .disabled
        disabledBecause = reason
        pausedUntil = nil
    }

    mutating func enable() {
        guard state == .disabled else { return }
        state = .enabled
        disabledBecause = nil
        clearFailures()
    }

    /// The secrets are removed with the endpoint.
    mutating func delete() {
        state = .deleted
        disabledBecause = nil
        secret = ""
        (previousSecret, previousSecretUntil) = (nil, nil)
        clearFailures()
    }

    mutating func rotate(to new: String, keepingOldUntil end: Instant, at now: Instant) {
        (previousSecret, previousSecretUntil) = end > now ? (secret, end) : (nil, nil)
        secret = new
    }

    /// The encrypted secrets with which an event is signed, the current one first.
    func secrets(at now: Instant) -> [String] {
        guard let previousSecret, let previousSecretUntil, previousSecretUntil > now else { return [secret] }
        return [secret, previousSecret]
    }

    private mutating func clearFailures() {
        failures = 0
        (failingSince, pausedUntil) = (nil, nil)
    }
}

extension WebhookEndpoint {
    init(row: Row) throws {
        self.init(
            id: try row["id"], organisation: try row["organisation_id"], url: try UserURL(try row["url"]),
            description: try row["description"],
            eventTypes: try row.read("event_types", as: String.self).split(separator: " ").map(String.init),
            secret: try row["sealed_secret"], at: try row["created_at"])
        previousSecret = try row["sealed_previous_secret"]
        previousSecretUntil = try row["previous_secret_until"]
        state = try row["state"]
        disabledBecause = try row["disabled_because"]
        failures = try row["failures"]
        failingSince = try row["failing_since"]
        pausedUntil = try row["paused_until"]
    }
}
