import Entitlements
import Identity
import Modules

/// Reserves the tokens of turns, and settles them with what was used: of the quota of a plan, or of the default
/// allowance of the person, which is counted by month.
struct TurnSettlement: Sendable {
    let quotas: QuotaService

    /// - Throws: `quota-exceeded`, `no-active-subscription`; `tokens-exhausted` without a plan.
    func reserve(
        _ tokens: Int64, for id: ID<AssistantTurn>, _ allowance: QuotaAllowance, of person: ID<Person>,
        in transaction: Transaction
    ) throws -> (reservation: ID<Reservation>?, month: String?) {
        switch allowance {
        case .charge(let charge):
            // What an answer has cost is not known after its process was killed: all of it is charged.
            let reservation = try quotas.reserve(
                charge.taking(tokens), operation: "turn:\(id)", fingerprint: id.text,
                terms: Reservation.Terms(onExpiry: .commit), in: transaction)
            return (reservation, nil)
        case .allowance(let limit):
            let month = Self.month(of: transaction.now)
            guard try transaction.reserveTokens(tokens, of: person, in: month, limit: limit) else {
                throw Self.exhausted(limit, taken: try transaction.takenTokens(of: person, in: month), asked: tokens)
            }
            return (nil, month)
        }
    }

    /// - Parameter tokens: that were used; 0 releases all of the reserved ones.
    func settle(_ tokens: Int64, of turn: AssistantTurn, in transaction: Transaction) throws {
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

    /// As `2026-03`, in UTC.
    static func month(of now: Instant) -> String { String("\(now)".prefix(7)) }

    private static func exhausted(_ limit: Limit, taken: Int64, asked: Int64) -> Problem {
        Problem(
            .tokensExhausted,
            detail: "This takes up to \(asked) tokens. Without a plan there are \(limit.value) a month, of which "
                + "\(taken) are used or reserved. Send a shorter conversation, or ask for fewer tokens.",
            members: ["limit": .integer(limit.value), "current_usage": .integer(taken)])
    }
}

extension Meter {
    /// Tokens of language models, of conversations and answers. Its title is that of the built-in plans.
    static let tokens = Meter("tokens", title: "Token")
}
