import Entitlements
import Identity
import Models
import Modules

/// A conversation that was sent to a model, and what its answer took. It is stored before it is sent, with the tokens
/// that it may take.
struct AssistantTurn: Sendable {
    enum State: String, Sendable, SQLBindable, SQLReadable {
        case running
        case completed
        /// A part of the answer arrived: it broke off, was stopped, or the client went away.
        case interrupted
        /// There is no answer, and nothing is charged.
        case failed
    }

    let id: ID<AssistantTurn>
    let organisation: ID<Organisation>
    let person: ID<Person>
    let session: ID<AssistantSession>?
    let model: String
    let isStreamed: Bool
    /// Of a plan that lists tokens.
    let reservation: ID<Reservation>?
    /// The month of the person's default allowance, without such a plan.
    let allowanceMonth: String?
    let reservedTokens: Int64
    let startedAt: Instant

    /// The longest time of an answer, with every attempt.
    static let timeMax = Duration.minutes(5)
    /// A turn that runs for longer has lost its process.
    static let lifetime = Duration.minutes(10)
    /// As one that runs for longer than this after a person has stopped it.
    static let stopTime = Duration.minutes(1)
    /// A turn of a deleted session, or without a session, is kept for this long.
    static let retention = Duration.days(90)

    init(
        id: ID<AssistantTurn>, scope: Scope, session: ID<AssistantSession>?, model: String, isStreamed: Bool,
        reservation: ID<Reservation>?, allowanceMonth: String?, reservedTokens: Int64, at now: Instant
    ) {
        self.init(
            id: id, organisation: scope.organisation, person: scope.person, session: session, model: model,
            isStreamed: isStreamed, reservation: reservation, allowanceMonth: allowanceMonth,
            reservedTokens: reservedTokens, at: now)
    }

    init(
        id: ID<AssistantTurn>, organisation: ID<Organisation>, person: ID<Person>, session: ID<AssistantSession>?,
        model: String, isStreamed: Bool, reservation: ID<Reservation>?, allowanceMonth: String?,
        reservedTokens: Int64, at now: Instant
    ) {
        self.id = id
        self.organisation = organisation
        self.person = person
        self.session = session
        self.model = model
        self.isStreamed = isStreamed
        self.reservation = reservation
        self.allowanceMonth = allowanceMonth
        self.reservedTokens = reservedTokens
        startedAt = now
    }

    init(row: Row) throws {
        id = try row["id"]
        organisation = try row["organisation_id"]
        person = try row["person_id"]
        session = try row["session_id"]
        model = try row["model"]
        isStreamed = try row["is_streamed"]
        reservation = try row["reservation_id"]
        allowanceMonth = try row["allowance_month"]
        reservedTokens = try row["reserved_tokens"]
        startedAt = try row["started_at"]
    }
}

/// How a turn ended.
struct TurnOutcome: Sendable {
    var state: AssistantTurn.State
    let usage: ModelUsage
    /// Whether the service has not counted all of the tokens.
    let isEstimated: Bool
    /// The answers, as far as they came.
    var choices: [ModelResponse.Choice]
    /// The code of the problem that ended it.
    var error: String?
}
