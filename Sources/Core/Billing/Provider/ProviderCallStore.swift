import Foundation
import Identity
import Modules
import Stripe

/// The SQL of calls to the provider.
extension Transaction {
    /// - Returns: false where a call with its key was written before.
    func insert(_ call: ProviderCall) throws -> Bool {
        try execute(
            """
            INSERT INTO provider_calls (
                id, purpose, subject, number, organisation_id, idempotency_key, request, state, attempts, absences,
                fence, created_at
            )
            SELECT \(call.id), \(call.purpose), \(call.subject), COALESCE(MAX(number), 0) + 1, \(call.organisation),
                   \(call.key), \(try call.request.json()), \(call.state), 0, 0, 0, \(now)
            FROM provider_calls WHERE subject = \(call.subject)
            ON CONFLICT (idempotency_key) DO NOTHING
            """
        ) == 1
    }

    func providerCall(_ id: ID<ProviderCall>) throws -> ProviderCall? {
        try first("SELECT * FROM provider_calls WHERE id = \(id)", ProviderCall.init(row:))
    }

    func providerCall(ofKey key: String) throws -> ProviderCall? {
        try first("SELECT * FROM provider_calls WHERE idempotency_key = \(key)", ProviderCall.init(row:))
    }

    func countProviderCalls(of purpose: ProviderPurpose, _ subject: String, in state: ProviderCall.State) throws
        -> Int64
    {
        try count(
            """
            SELECT COUNT(*) AS count FROM provider_calls
            WHERE subject = \(subject) AND purpose = \(purpose) AND state = \(state)
            """)
    }

    /// The first call of the subject that has to be settled before `id`.
    func providerCall(before id: ID<ProviderCall>) throws -> ProviderCall? {
        try first(
            """
            SELECT earlier.* FROM provider_calls AS earlier
            JOIN provider_calls AS later ON later.subject = earlier.subject AND later.number > earlier.number
            WHERE later.id = \(id) AND earlier.state NOT IN ('done', 'refused')
            ORDER BY earlier.number LIMIT 1
            """,
            ProviderCall.init(row:)
        )
    }

    /// One guarded statement: of two transactions that change a call, one changes the row.
    /// - Parameter before: the call as it was read.
    /// - Returns: whether the row was still so.
    func update(_ call: ProviderCall, from before: ProviderCall) throws -> Bool {
        try execute(
            """
            UPDATE provider_calls
            SET state = \(call.state), attempts = \(call.attempts), absences = \(call.absences), fence = \(call.fence),
                first_sent_at = \(call.firstSentAt), sent_at = \(call.sentAt), lease_until = \(call.leaseUntil),
                next_at = \(call.nextAt), object = \(try call.object?.json()), refusal = \(try call.refusal?.json()),
                unknown_reason = \(call.unknownReason), settled_at = \(call.settledAt)
            WHERE id = \(call.id) AND state = \(before.state) AND fence = \(before.fence)
            """
        ) == 1
    }

    /// Calls that are not settled and that nothing has moved for a while: their job has ended.
    func overdueProviderCalls(limit: Int) throws -> [ProviderCall] {
        try all(
            """
            SELECT * FROM provider_calls
            WHERE state IN ('pending', 'sending', 'unknown') AND created_at < \(now - .minutes(5))
                AND COALESCE(lease_until, next_at, created_at) < \(now - .minutes(1))
            ORDER BY created_at LIMIT \(limit)
            """,
            ProviderCall.init(row:)
        )
    }

    func providerCalls(in state: ProviderCall.State?, limit: Int, offset: Int) throws -> (
        rows: [ProviderCall], total: Int64
    ) {
        let condition: SQL = state.map { "state = \($0)" } ?? "state NOT IN ('done', 'refused')"
        return (
            try all(
                """
                SELECT * FROM provider_calls WHERE \(condition)
                ORDER BY created_at DESC, id DESC LIMIT \(limit) OFFSET \(offset)
                """,
                ProviderCall.init(row:)
            ),
            try count("SELECT COUNT(*) AS count FROM provider_calls WHERE \(condition)")
        )
    }

    /// - Returns: the number of deleted rows, at most `limit`.
    func pruneProviderCalls(settledBefore time: Instant, atMost limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM provider_calls WHERE id IN (
                SELECT id FROM provider_calls WHERE settled_at < \(time) ORDER BY settled_at LIMIT \(limit))
            """
        )
    }
}

extension ProviderCall {
    fileprivate init(row: Row) throws {
        self.init(
            id: try row["id"], purpose: try row["purpose"], subject: try row["subject"],
            organisation: try row["organisation_id"], key: try row["idempotency_key"],
            request: try StripeRequest(json: try row["request"]))
        state = try row["state"]
        attempts = try row["attempts"]
        absences = try row["absences"]
        fence = try row["fence"]
        firstSentAt = try row["first_sent_at"]
        sentAt = try row["sent_at"]
        leaseUntil = try row["lease_until"]
        nextAt = try row["next_at"]
        object = try row.read("object", as: String?.self).map { try JSONValue(json: $0) }
        refusal = try row.read("refusal", as: String?.self).map { try StripeRefusal(json: $0) }
        unknownReason = try row["unknown_reason"]
        createdAt = try row["created_at"]
        settledAt = try row["settled_at"]
    }
}

extension Encodable {
    /// As a column holds it.
    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}

extension Decodable {
    init(json: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(json.utf8)) }
}
