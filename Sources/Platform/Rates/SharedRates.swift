package import Base
import Foundation
import ServiceLifecycle
import Synchronization
package import Telemetry

/// The rates of all nodes, kept in one Redis: each call is one script there, which is one step, by the server's own clock.
///
/// While Redis is away each node gives out its share: the rate divided by the nodes that were last alive. That is never everything, and
/// never without a limit; the state in Redis is taken up again with the first answer that comes. Who is away is asked once a second, by one call, so that
/// nobody else waits for a server that does not answer.
package final class SharedRates: RateStore, Service {
    /// Runs a script on the server and gives the numbers that it returns.
    package typealias Runner =
        @Sendable (_ script: Script, _ keys: [String], _ arguments: [String]) async throws -> [Int64]

    /// Before anything is known of other nodes, so many are assumed.
    static let nodesAssumed: Int64 = 4
    /// A node that has not been heard of for so long is not counted any more.
    static let nodeLifetime: Duration = .seconds(15)
    private static let heartbeat: Duration = .seconds(5)
    private static let pause: Int64 = 1_000_000

    private let run: Runner
    private let local: LocalRates
    private let prefix: String
    private let node: String
    private let metrics: Metrics
    private let logger: Logger
    private let clock: @Sendable () -> Int64
    private let nodes = Atomic(SharedRates.nodesAssumed)
    /// When to ask again, by the local clock; 0 while the server answers.
    private let askAgain = Atomic<Int64>(0)

    /// - Parameters:
    ///   - prefix: begins the name of each key, so that several installations can use one server.
    ///   - local: what is given out from while the server is away.
    ///   - clock: microseconds that never go back.
    package init(
        prefix: String = "gatehouse:",
        local: LocalRates = LocalRates(),
        metrics: Metrics,
        logger: Logger,
        runtime: Runtime,
        clock: @escaping @Sendable () -> Int64 = LocalRates.uptime,
        run: @escaping Runner
    ) {
        self.prefix = prefix
        self.local = local
        self.metrics = metrics
        self.logger = logger
        self.clock = clock
        self.run = run
        node = runtime.id(of: SharedRates.self).text
        metrics.describe(
            "gatehouse_rates_shared",
            "Whether rates are shared through Redis now (1), or each node gives out its share (0).")
        metrics.set("gatehouse_rates_shared", to: 1)
    }

    package func take(_ cost: Int64, from key: RateKey, under rates: Rates) async -> RateVerdict {
        if isTrusted(), let verdict = await ask(cost, key, rates) { return verdict }
        return local.take(cost, from: key, under: rates.share(of: nodes.load(ordering: .relaxed), for: cost))
    }

    package func look(_ cost: Int64, at key: RateKey, under rates: Rates) async -> RateVerdict {
        if isTrusted(), let verdict = await ask(cost, key, rates, takes: false) { return verdict }
        return local.look(cost, at: key, under: rates.share(of: nodes.load(ordering: .relaxed), for: cost))
    }

    /// Whether the server answered last time.
    package var isShared: Bool { askAgain.load(ordering: .relaxed) == 0 }

    /// Says that this node is alive, and learns how many are, until the process is told to stop.
    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                await beat()
                try? await Task.sleep(for: Self.heartbeat)
            }
        }
    }

    /// One sign of life.
    package func beat() async {
        let lifetime = String(Self.nodeLifetime.microseconds)
        if let counted = try? await run(.countNodes, [prefix + "nodes"], [node, lifetime]).first, counted > 0 {
            nodes.store(counted, ordering: .relaxed)
        }
    }

    /// While the server is away, one call in each second is let through to see whether it is back.
    private func isTrusted() -> Bool {
        let again = askAgain.load(ordering: .relaxed)
        if again == 0 { return true }
        let now = clock()
        guard now >= again else { return false }
        return askAgain.compareExchange(expected: again, desired: now + Self.pause, ordering: .relaxed).exchanged
    }

    private func ask(_ cost: Int64, _ key: RateKey, _ rates: Rates, takes: Bool = true) async -> RateVerdict? {
        do {
            let numbers = try await run(
                .take, ["\(prefix)rates:\(key.limit):\(key.subject)"], Self.arguments(takes ? cost : -cost, rates))
            guard numbers.count == rates.all.count + 2 else { throw UnexpectedNumbers() }
            if askAgain.exchange(0, ordering: .relaxed) != 0 {
                metrics.set("gatehouse_rates_shared", to: 1)
                logger.notice("rates are shared through Redis again")
            }
            var arrivals = Arrivals(repeating: 0)
            for index in rates.all.indices { arrivals[index] = numbers[index + 2] }
            return RateVerdict(isAdmitted: numbers[0] == 1, arrivals: arrivals, now: numbers[1], cost: cost)
        } catch {
            if askAgain.exchange(clock() + Self.pause, ordering: .relaxed) == 0 {
                metrics.set("gatehouse_rates_shared", to: 0)
                logger.warning(
                    "Redis does not answer; each node gives out its share of the rates", metadata: ["cause": "\(error)"]
                )
            }
            return nil
        }
    }

    private static func arguments(_ cost: Int64, _ rates: Rates) -> [String] {
        [String(cost)] + rates.all.flatMap { [String($0.window), String($0.interval), String($0.burst)] }
    }

    private struct UnexpectedNumbers: Error {}
}

extension SharedRates {
    /// Lua for the server.
    package struct Script: Sendable, Hashable {
        package let source: String

        /// ``GCRA`` once more, on a hash with a field for each window. Numbers of Lua have 53 bits, which microseconds since 1970 fit into until 2255;
        /// they are written without an exponent. A key lives until all of it is past, or less than a second longer. A cost below zero only looks.
        package static let take = Script(
            source: """
                local time = redis.call('TIME')
                local now = time[1] * 1000000 + time[2]
                local cost = tonumber(ARGV[1])
                local looks = cost < 0
                cost = math.abs(cost)
                local count = (#ARGV - 1) / 3
                local fields = {'last'}
                for i = 1, count do fields[i + 1] = ARGV[3 * i - 1] end
                local state = redis.call('HMGET', KEYS[1], unpack(fields))
                local last = tonumber(state[1]) or 0
                local restoration = 0
                for i = 1, count do restoration = math.max(restoration, ARGV[3 * i] * ARGV[3 * i + 1]) end
                local set_back = last - now > restoration
                if set_back then last = now end
                local moment = math.max(now, last)
                local admitted = 1
                local before, after, latest = {}, {}, now
                for i = 1, count do
                  local interval, burst = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1])
                  local arrival = tonumber(state[i + 1]) or 0
                  if set_back then arrival = math.min(arrival, now + burst * interval) end
                  before[i] = arrival
                  after[i] = math.max(arrival, moment) + cost * interval
                  if after[i] - moment > burst * interval then admitted = 0 end
                end
                if admitted == 0 or looks then after = before end
                if not looks and (admitted == 1 or set_back) then
                  local write = {'last', string.format('%.0f', moment)}
                  for i = 1, count do
                    latest = math.max(latest, after[i])
                    write[2 * i + 1] = fields[i + 1]
                    write[2 * i + 2] = string.format('%.0f', after[i])
                  end
                  redis.call('HSET', KEYS[1], unpack(write))
                  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil((latest - now) / 1000) + 1))
                end
                local reply = {admitted, now}
                for i = 1, count do reply[i + 2] = after[i] end
                return reply
                """
        )

        /// Notes one node as alive and counts those that are, by the server's clock.
        package static let countNodes = Script(
            source: """
                local time = redis.call('TIME')
                local now = time[1] * 1000000 + time[2]
                local lifetime = tonumber(ARGV[2])
                redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
                redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - lifetime))
                redis.call('PEXPIRE', KEYS[1], string.format('%.0f', lifetime / 1000))
                return {redis.call('ZCARD', KEYS[1])}
                """
        )
    }
}
