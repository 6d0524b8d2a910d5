import Identity
import Modules

/// The sending of one event to one endpoint.
///
/// | state | event | next |
/// |---|---|---|
/// | – | an event is emitted | pending; failed where the endpoint is disabled |
/// | pending | an attempt is answered with a status of 2xx | delivered |
/// | pending | an attempt fails, and fewer than ``attemptsMax`` have | pending, until the next attempt |
/// | pending | the last attempt fails; the endpoint is disabled or deleted by then | failed |
/// | any | a retry is requested | pending, in the next round, due at once |
struct WebhookDelivery: Sendable {
    enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case pending, delivered, failed
    }

    let id: ID<WebhookDelivery>
    let organisation: ID<Organisation>
    let event: ID<WebhookEvent>
    let endpoint: ID<WebhookEndpoint>
    private(set) var state: State
    /// How often a retry was requested. Jobs of an earlier round have no effect.
    private(set) var round: Int64 = 0
    /// Of this round.
    private(set) var attempts: Int64 = 0
    /// Nil unless the state is `pending`.
    private(set) var nextAttemptAt: Instant?
    private(set) var attemptedAt: Instant?
    /// The status of the last response.
    private(set) var status: Int?
    /// Why the last attempt failed, as a sentence for the organisation.
    private(set) var error: String?
    /// The beginning of the last response that was no success.
    private(set) var response: String?
    /// How long the last attempt took, in milliseconds.
    private(set) var duration: Int64?
    let createdAt: Instant
    private(set) var endedAt: Instant?

    /// The waits behind the first, second, … failed attempt, as Standard Webhooks recommends them.
    static let waits: [Duration] = [
        .seconds(5), .minutes(5), .minutes(30), .hours(2), .hours(5), .hours(10), .hours(14), .hours(20), .hours(24),
    ]
    static let attemptsMax = Int64(waits.count + 1)
    /// The longest wait that a response can ask for.
    static let retryAfterMax = Duration.hours(24)
    /// Characters of a response that are kept.
    static let responseMax = 500
    /// How long deliveries and events are kept.
    static let retention = Duration.days(30)

    /// A new delivery: that of an endpoint which is disabled has failed.
    init(id: ID<WebhookDelivery>, of event: WebhookEvent, to endpoint: WebhookEndpoint, at now: Instant) {
        self.id = id
        organisation = event.organisation
        self.event = event.id
        self.endpoint = endpoint.id
        createdAt = now
        state = .pending
        nextAttemptAt = now
        if !endpoint.isActive { fail(because: Self.disabled, at: now) }
    }

    static let disabled = "The endpoint is disabled."

    /// Whether a job is that of the next attempt.
    func expects(_ job: DeliverWebhookJob) -> Bool {
        state == .pending && round == job.round && attempts == job.attempt - 1
    }

    /// Takes the outcome of an attempt.
    /// - Parameter jitter: from 0 to 1; a wait is longer by up to a tenth, so that what failed together is not retried
    ///   together.
    mutating func record(_ attempt: WebhookAttempt, jitter: Double, at now: Instant) {
        attempts += 1
        attemptedAt = now
        (status, error, response) = (attempt.status, attempt.error, attempt.response)
        duration = attempt.duration.microseconds / 1_000
        guard attempt.error != nil else {
            (state, nextAttemptAt, endedAt) = (.delivered, nil, now)
            return
        }
        guard attempts < Self.attemptsMax else {
            (state, nextAttemptAt, endedAt) = (.failed, nil, now)
            return
        }
        let wait = max(Self.waits[Int(attempts) - 1], min(attempt.retryAfter ?? .zero, Self.retryAfterMax))
        nextAttemptAt = now + wait + .microseconds(Int64(Double(wait.microseconds) * 0.1 * jitter))
    }

    /// Ends a delivery without an attempt.
    mutating func fail(because reason: String, at now: Instant) {
        (state, error, nextAttemptAt, endedAt) = (.failed, reason, nil, now)
        (status, response) = (nil, nil)
    }

    mutating func retry(at now: Instant) {
        (state, attempts, nextAttemptAt, endedAt) = (.pending, 0, now, nil)
        round += 1
    }
}

extension WebhookDelivery {
    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        event = try row["event_id"]
        endpoint = try row["endpoint_id"]
        state = try row["state"]
        round = try row["round"]
        attempts = try row["attempts"]
        nextAttemptAt = try row["next_attempt_at"]
        attemptedAt = try row["attempted_at"]
        status = try row["status"]
        error = try row["error"]
        response = try row["response"]
        duration = try row["duration_ms"]
        createdAt = try row["created_at"]
        endedAt = try row["ended_at"]
    }
}
