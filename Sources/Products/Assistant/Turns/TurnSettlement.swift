import Entitlements
import Identity
import Models
import Modules

/// Reserves the tokens of turns, and settles them with what was used: of the quota of a plan, or of the default
/// allowance of the person, which is counted by month.
struct TurnSettlement: Sendable {
    let quotas: QuotaService
    let metrics: Metrics
    let logger: Logger

    private static let excess = "gatehouse_assistant_excess_tokens_total"

    init(quotas: QuotaService, metrics: Metrics, logger: Logger) {
        self.quotas = quotas
        self.metrics = metrics
        self.logger = logger
        metrics.describe(Self.excess, "Tokens that services of models have counted beyond those reserved, uncharged.")
    }

    /// Tokens that are reserved for a turn.
    struct Reserved: Sendable {
        /// Of a plan that lists tokens.
        let reservation: ID<Reservation>?
        /// Of the person's default allowance, without such a plan.
        let month: String?
        let tokens: Int64
    }

    /// Reserves as many of the tokens as are left.
    /// - Throws: `quota-exceeded`, `no-active-subscription`; `tokens-exhausted` without a plan.
    func reserve(
        _ tokens: TurnTokens, for id: ID<AssistantTurn>, _ allowance: QuotaAllowance, of person: ID<Person>,
        in transaction: Transaction
    ) throws -> Reserved {
        switch allowance {
        case .charge(let charge):
            // What an answer has cost is not known after its process was killed: all of it is charged.
            let (reservation, units) = try quotas.reserve(
                charge.taking(tokens.most), atLeast: tokens.least, operation: "turn:\(id)", fingerprint: id.text,
                terms: Reservation.Terms(onExpiry: .commit), in: transaction)
            return Reserved(reservation: reservation, month: nil, tokens: units)
        case .allowance(let limit):
            let month = Self.month(of: transaction.now)
            if try transaction.reserveTokens(tokens.most, of: person, in: month, limit: limit) {
                return Reserved(reservation: nil, month: month, tokens: tokens.most)
            }
            let taken = try transaction.takenTokens(of: person, in: month)
            let units = min(tokens.most, limit.bound - taken)
            guard units >= tokens.least,
                try transaction.reserveTokens(units, of: person, in: month, limit: limit)
            else { throw Self.exhausted(limit, taken: taken, asked: tokens.least) }
            return Reserved(reservation: nil, month: month, tokens: units)
        }
    }

    /// Charges at most what was reserved, whatever the service of the model has counted.
    /// - Parameter tokens: that were used; 0 releases all of the reserved ones.
    func settle(_ tokens: Int64, of turn: AssistantTurn, in transaction: Transaction) throws {
        let tokens = min(tokens, turn.reservedTokens)
        if let reservation = turn.reservation {
            if tokens > 0 {
                try quotas.commit(reservation, units: tokens, in: transaction)
            } else {
                try quotas.release(reservation, in: transaction)
            }
        } else if let month = turn.allowanceMonth {
            try transaction.settleTokens(tokens, reserved: turn.reservedTokens, of: turn.person, in: month)
        }
    }

    /// Tells operators of a service that has counted more than was reserved. Once a turn, and in no transaction, which
    /// may be repeated.
    func noteExcess(_ usage: ModelUsage, of turn: AssistantTurn) {
        let excess = usage.input + usage.output - turn.reservedTokens
        guard excess > 0 else { return }
        metrics.increment(Self.excess, by: Double(excess))
        logger.warning(
            "the service of a model has counted more tokens than it was allowed: they are not charged",
            metadata: [
                "turn": "\(turn.id)", "model": "\(turn.model)", "reserved": "\(turn.reservedTokens)",
                "counted": "\(usage.input + usage.output)",
            ])
    }

    /// As `2026-03`, in UTC.
    static func month(of now: Instant) -> String { String("\(now)".prefix(7)) }

    private static func exhausted(_ limit: Limit, taken: Int64, asked: Int64) -> Problem {
        Problem(
            .tokensExhausted,
            detail: "This takes at least \(asked) tokens. Without a plan there are \(limit.value) a month, of which "
                + "\(taken) are used or reserved. Send a shorter conversation, or ask for fewer answers.",
            members: ["limit": .integer(limit.value), "current_usage": .integer(taken)])
    }
}

extension Meter {
    /// Tokens of language models, of conversations and answers. Its title is that of the built-in plans.
    static let tokens = Meter("tokens", title: "Token")
}
