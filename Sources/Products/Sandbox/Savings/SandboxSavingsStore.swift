import Modules
import SpotDecisions

/// The SQL of savings: intervals of time at one price.
extension Transaction {
    /// The instance costs this from now on. The same prices in the same pool change nothing.
    func recordSavings(_ prices: PoolPrices, id: ID<SavingsInterval>, of session: SandboxSession) throws {
        let open = try savingsIntervals(of: session, "AND ended_at IS NULL").last
        if let open, prices.equals(open) { return }
        try closeSavings(of: session)
        try execute(
            """
            INSERT INTO sandbox_savings (id, organisation_id, session_id, instance_type, availability_zone, spot_price,
                on_demand_price, source, started_at)
            VALUES (\(id), \(session.organisation), \(session.id), \(prices.pool.instanceType),
                \(prices.pool.availabilityZone), \(prices.spotPrice), \(prices.onDemandPrice),
                \(prices.source.rawValue), \(now))
            """
        )
    }

    /// Ends the open interval now, or where the session's time was over before. One without a duration is removed.
    func closeSavings(of session: SandboxSession) throws {
        let end = min(now, session.expiresAt)
        try execute(
            """
            DELETE FROM sandbox_savings
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation) AND ended_at IS NULL
                AND started_at >= \(end)
            """
        )
        try execute(
            """
            UPDATE sandbox_savings SET ended_at = \(end)
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation) AND ended_at IS NULL
            """
        )
    }

    func savingsLedger(of session: SandboxSession) throws -> SavingsLedger {
        try SavingsLedger(try savingsIntervals(of: session, ""))
    }

    private func savingsIntervals(of session: SandboxSession, _ condition: SQL) throws -> [SavingsInterval] {
        try all(
            """
            SELECT instance_type, availability_zone, spot_price, on_demand_price, source, started_at, ended_at
            FROM sandbox_savings
            WHERE session_id = \(session.id) AND organisation_id = \(session.organisation) \(condition)
            ORDER BY started_at
            """
        ) { row in
            try SavingsInterval(
                pool: SpotPool(try row["instance_type"], try row["availability_zone"]),
                spotPrice: try row["spot_price"], onDemandPrice: try row["on_demand_price"],
                source: DataSource(rawValue: try row["source"]) ?? .builtin, start: try row["started_at"],
                end: try row["ended_at"])
        }
    }
}

/// What an instance costs an hour, in millionths of a US dollar.
struct PoolPrices: Sendable {
    let pool: SpotPool
    /// The price that is paid: that on demand for an instance that is none of spot.
    let spotPrice: Int64
    let onDemandPrice: Int64
    let source: DataSource

    func equals(_ interval: SavingsInterval) -> Bool {
        pool == interval.pool && spotPrice == interval.spotPrice && onDemandPrice == interval.onDemandPrice
            && source == interval.source
    }
}
