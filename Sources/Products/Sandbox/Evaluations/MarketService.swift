import AWS
import Modules
import SpotDecisions

/// Learns prices and signals: from AWS by the credentials of a session, else from the built-in tables.
final class MarketService: Sendable {
    private let cloud: CloudService
    private let runtime: Runtime
    private var tables: BuiltinTables { BuiltinTables() }

    /// The zones that the built-in tables tell apart.
    private static let zones = ["a", "b", "c"]

    init(cloud: CloudService, runtime: Runtime) {
        self.cloud = cloud
        self.runtime = runtime
    }

    /// The pools of the session's instance type in every zone of its region.
    /// - Throws: `instance-mismatch` where the instance is not in the pool of the session: prices of that pool would
    ///   decide about an instance to which they do not apply.
    func market(of session: SandboxSession) async throws(Problem) -> Market {
        guard let ec2 = session.awsAccount == nil ? nil : cloud.ec2(of: session) else {
            return builtin(session.pool, [LogLine(.scraper, .warning, "AWS is not used: the built-in tables answer.")])
        }
        let instance: EC2Instance?
        do throws(AWSError) {
            instance = try await ec2.instances([], [EC2Filter("instance-id", session.instance)]).first
        } catch {
            return builtin(session.pool, error)
        }
        if let instance, instance.pool != session.pool {
            throw Problem(
                .instanceMismatch,
                detail: "\(instance.id) is in \(instance.pool), and the session says \(session.pool). Create a session "
                    + "with the type and the zone of the instance.")
        }
        do throws(AWSError) {
            return try await observed(session, instance, by: ec2)
        } catch {
            return builtin(session.pool, error)
        }
    }

    /// The built-in tables, because AWS did not answer.
    private func builtin(_ pool: SpotPool, _ error: AWSError) -> Market {
        let type: LogType = error.refusesCredentials ? .credentials : .network
        return builtin(
            pool, [LogLine(type, .warning, "\(error.message) \(error.advice) The built-in tables answer.")])
    }

    /// The pools of a type in the three zones of the tables, and in its own.
    func builtin(_ pool: SpotPool, _ lines: [LogLine] = []) -> Market {
        let zones = Set(Self.zones.map { "\(pool.region)\($0)" } + [pool.availabilityZone])
        return Market(
            candidates: zones.sorted().compactMap { tables.candidate(SpotPool(pool.instanceType, $0)) },
            source: .builtin, lines: lines)
    }

    /// Every type of the tables in the three zones of a region, and the pool itself.
    func catalogue(_ pool: SpotPool) -> Market {
        var candidates = InstanceTypes.embedded.all.flatMap { type in
            Self.zones.compactMap { tables.candidate(SpotPool(type.name, "\(pool.region)\($0)")) }
        }
        if !candidates.contains(where: { $0.pool == pool }), let own = tables.candidate(pool) { candidates.append(own) }
        return Market(candidates: candidates, source: .builtin)
    }

    private func observed(_ session: SandboxSession, _ instance: EC2Instance?, by ec2: EC2) async throws(AWSError)
        -> Market
    {
        let now = runtime.now()
        let type = session.pool.instanceType
        let prices = try await ec2.spotPrices(
            SpotPriceQuery(instanceTypes: Self.family(of: session.pool), from: now - RiskScorer.historyMax, to: now)
        ).prices
        let candidates = Self.candidates(of: type, prices)
        guard candidates.contains(where: { $0.pool == session.pool }) else {
            return builtin(
                session.pool,
                [LogLine(.scraper, .warning, "AWS has no spot price of \(session.pool). The built-in tables answer.")])
        }
        let requests = try await ec2.spotRequests([EC2Filter("instance-id", session.instance)])
        var market = Market(candidates: candidates, prices: prices, source: .aws)
        market.signal = requests.contains(where: \.isMarkedForTermination) ? .instanceTermination : .none
        market.instance = instance
        market.lines = [
            LogLine(
                .scraper,
                "\(prices.count) prices of the family \(session.pool.family) were read from AWS; \(type) has "
                    + "\(candidates.count) zones."),
            instance.map { LogLine(.monitor, "\($0.id) is \($0.state.rawValue) in \($0.availabilityZone).") }
                ?? LogLine(.monitor, .warning, "AWS has no instance \(session.instance) in \(session.region)."),
        ]
        return market
    }

    /// The types of a family: the risk of a type depends on the larger ones.
    private static func family(of pool: SpotPool) -> [String] {
        InstanceTypes.embedded.all.map(\.name).filter { $0.hasPrefix("\(pool.family).") }
    }

    /// The last price of each zone.
    private static func candidates(of type: String, _ prices: [SpotPrice]) -> [Candidate] {
        guard let facts = InstanceTypes.embedded[type] else { return [] }
        var latest: [String: SpotPrice] = [:]
        for price in prices where price.instanceType == type {
            if let known = latest[price.availabilityZone], known.time >= price.time { continue }
            latest[price.availabilityZone] = price
        }
        return latest.values.sorted { $0.availabilityZone < $1.availabilityZone }.compactMap { price in
            let pool = SpotPool(type, price.availabilityZone)
            guard let onDemand = facts.onDemandPrice(near: pool.region)?.price else { return nil }
            return Candidate(
                pool, hardware: facts.hardware, spotPrice: price.microdollars, onDemandPrice: onDemand,
                interruptRate: facts.interruptRate(in: pool.region))
        }
    }
}

extension EC2Instance {
    /// Where it runs.
    var pool: SpotPool { SpotPool(type, availabilityZone) }
}
