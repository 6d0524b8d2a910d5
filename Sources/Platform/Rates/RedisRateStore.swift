package import Base
import Foundation
import ServiceLifecycle
import Synchronization
package import Telemetry

/// The rates of all nodes, stored in one Redis server. A decision is one Lua script, which is atomic and uses the
/// server's clock.
///
/// While Redis is unavailable each node allows its share: the rate divided by the number of nodes that were last alive.
/// The state in Redis is used again with the first response of the server. An unavailable server gets one request a
/// second, so that no other request waits for its timeout.
///
/// No change between the two gives a key a new burst. A node keeps what the server decided in its own table, so that
/// its share starts from there. It sends the state of its table with each request, and a server that has less takes it
/// over. A server that lost the state of all keys treats every key as used up but for one unit: see ``Script/take``.
package final class RedisRateStore: RateStore, Service {
    /// Runs a script on the server and returns its result, a list of numbers.
    package typealias ScriptRunner =
        @Sendable (_ script: Script, _ keys: [String], _ arguments: [String]) async throws -> [Int64]

    /// The number of nodes until the first heartbeat has counted them.
    static let nodesAssumed: Int64 = 4
    /// A node whose last heartbeat is older than this is not counted.
    static let nodeLifetime: Duration = .seconds(15)
    private static let heartbeatInterval: Duration = .seconds(5)
    /// Microseconds between two attempts at an unavailable server.
    private static let retryInterval: Int64 = 1_000_000

    private let run: ScriptRunner
    private let local: LocalRateStore
    private let prefix: String
    private let node: String
    private let metrics: Metrics
    private let logger: Logger
    private let clock: @Sendable () -> Int64
    private let nodes = Atomic(RedisRateStore.nodesAssumed)
    /// The time of the next attempt by the local clock; 0 while the server is available.
    private let retryTime = Atomic<Int64>(0)
    /// When the state that this node last used was begun, by the server's clock; 0 before the first response.
    private let epoch = Atomic<Int64>(0)

    /// - Parameters:
    ///   - prefix: of each key, so that several installations can use one server.
    ///   - local: decides while the server is unavailable.
    ///   - clock: monotonic microseconds.
    package init(
        prefix: String = "gatehouse:",
        local: LocalRateStore = LocalRateStore(),
        metrics: Metrics,
        logger: Logger,
        runtime: Runtime,
        clock: @escaping @Sendable () -> Int64 = LocalRateStore.uptime,
        run: @escaping ScriptRunner
    ) {
        self.prefix = prefix
        self.local = local
        self.metrics = metrics
        self.logger = logger
        self.clock = clock
        self.run = run
        node = runtime.id(of: RedisRateStore.self).text
        metrics.describe(
            "gatehouse_rates_shared",
            "Whether rates are shared through Redis (1), or each node allows its share of them (0).")
        metrics.set("gatehouse_rates_shared", to: 1)
    }

    package func take(_ cost: Int64, from key: RateKey, under rates: Rates) async -> RateDecision {
        if mayUseServer(), let decision = await decide(cost, key, rates) { return decision }
        return local.take(cost, from: key, under: rates.share(of: nodes.load(ordering: .relaxed), for: cost))
    }

    package func peek(_ cost: Int64, from key: RateKey, under rates: Rates) async -> RateDecision {
        if mayUseServer(), let decision = await decide(cost, key, rates, takes: false) { return decision }
        return local.peek(cost, from: key, under: rates.share(of: nodes.load(ordering: .relaxed), for: cost))
    }

    /// Whether the last request to the server succeeded.
    package var isShared: Bool { retryTime.load(ordering: .relaxed) == 0 }

    /// Sends heartbeats and counts the live nodes until graceful shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                await sendHeartbeat()
                try? await Task.sleep(for: Self.heartbeatInterval)
            }
        }
    }

    /// Records this node as alive and updates the number of live nodes.
    package func sendHeartbeat() async {
        let lifetime = String(Self.nodeLifetime.microseconds)
        if let counted = try? await run(.countNodes, [prefix + "nodes"], [node, lifetime]).first, counted > 0 {
            nodes.store(counted, ordering: .relaxed)
        }
    }

    /// While the server is unavailable, one request in each second tries it.
    private func mayUseServer() -> Bool {
        let time = retryTime.load(ordering: .relaxed)
        if time == 0 { return true }
        let now = clock()
        guard now >= time else { return false }
        return retryTime.compareExchange(expected: time, desired: now + Self.retryInterval, ordering: .relaxed)
            .exchanged
    }

    /// - Returns: nil where the server is unavailable.
    private func decide(_ cost: Int64, _ key: RateKey, _ rates: Rates, takes: Bool = true) async -> RateDecision? {
        do {
            let sent = clock()
            let numbers = try await run(
                .take, ["\(prefix)rates:\(key.limit):\(key.subject)", "\(prefix)epoch"],
                arguments(takes ? cost : -cost, rates, known: local.arrivalTimes(of: key), at: sent))
            guard numbers.count == rates.all.count + 3 else { throw UnexpectedResult() }
            epoch.store(numbers[2], ordering: .relaxed)
            if retryTime.exchange(0, ordering: .relaxed) != 0 {
                metrics.set("gatehouse_rates_shared", to: 1)
                logger.notice("rates are shared through Redis again")
            }
            var arrivalTimes = ArrivalTimes(repeating: 0)
            for index in rates.all.indices { arrivalTimes[index] = numbers[index + 3] }
            if takes { local.raise(key, to: arrivalTimes &+ (sent - numbers[1])) }
            return RateDecision(isAllowed: numbers[0] == 1, arrivalTimes: arrivalTimes, now: numbers[1], cost: cost)
        } catch {
            if retryTime.exchange(clock() + Self.retryInterval, ordering: .relaxed) == 0 {
                metrics.set("gatehouse_rates_shared", to: 0)
                logger.warning(
                    "Redis is unavailable; each node allows its share of the rates", metadata: ["cause": "\(error)"])
            }
            return nil
        }
    }

    /// - Parameter known: arrival times by the local clock, sent as their distance from the present.
    private func arguments(_ cost: Int64, _ rates: Rates, known: ArrivalTimes?, at now: Int64) -> [String] {
        var arguments = [String(cost), String(epoch.load(ordering: .relaxed))]
        for (index, rate) in rates.all.enumerated() {
            let distance = max(0, (known?[index] ?? 0) - now)
            arguments += [String(rate.window), String(rate.interval), String(rate.burst), String(distance)]
        }
        return arguments
    }

    private struct UnexpectedResult: Error {}
}

extension RedisRateStore {
    /// A Lua script for the server.
    package struct Script: Sendable, Hashable {
        package let source: String

        /// ``GCRA`` on a hash with a field per window. A Lua number has 53 bits, enough for microseconds since 1970
        /// until 2255; numbers are written without an exponent. A key expires when all of its arrival times are past,
        /// or less than a second later. A negative cost takes no units.
        ///
        /// `known` is how far ahead of the present an arrival time is in the table of the node. A difference of a
        /// second is ignored: a command takes less, so that the times of commands do not add up.
        ///
        /// The second key holds when the state was begun (`epoch`), and when an earlier state was lost (`lost`, 0 for
        /// never): a node that knows another epoch than the server has seen it lost. Every key may then have been used
        /// up at that time. It has one unit at once and no more than its rate since.
        package static let take = Script(
            source: """
                local time = redis.call('TIME')
                local now = time[1] * 1000000 + time[2]
                local cost = tonumber(ARGV[1])
                local peeks = cost < 0
                cost = math.abs(cost)
                local known_epoch = tonumber(ARGV[2])
                local stored = redis.call('HMGET', KEYS[2], 'epoch', 'lost')
                local epoch, lost = tonumber(stored[1]), tonumber(stored[2]) or 0
                if not epoch or (known_epoch > 0 and known_epoch ~= epoch and lost == 0) then
                  if known_epoch > 0 then lost = now end
                  epoch = epoch or now
                  redis.call('HSET', KEYS[2],
                    'epoch', string.format('%.0f', epoch), 'lost', string.format('%.0f', lost))
                end
                lost = math.min(lost, now)
                local count = (#ARGV - 2) / 4
                local fields = {'last'}
                for i = 1, count do fields[i + 1] = ARGV[4 * i - 1] end
                local state = redis.call('HMGET', KEYS[1], unpack(fields))
                local last = tonumber(state[1]) or 0
                local restoration = 0
                for i = 1, count do restoration = math.max(restoration, ARGV[4 * i] * ARGV[4 * i + 1]) end
                local clock_set_back = last - now > restoration
                if clock_set_back then last = now end
                local time_of_take = math.max(now, last)
                local allowed = 1
                local before, after, latest = {}, {}, now
                for i = 1, count do
                  local interval, burst = tonumber(ARGV[4 * i]), tonumber(ARGV[4 * i + 1])
                  local known = math.min(tonumber(ARGV[4 * i + 2]), burst * interval)
                  local arrival = tonumber(state[i + 1]) or 0
                  if clock_set_back then arrival = math.min(arrival, now + burst * interval) end
                  if lost > 0 then arrival = math.max(arrival, lost + (burst - 1) * interval) end
                  if now + known > math.max(arrival, now) + 1000000 then arrival = now + known end
                  before[i] = arrival
                  after[i] = math.max(arrival, time_of_take) + cost * interval
                  if after[i] - time_of_take > burst * interval then allowed = 0 end
                end
                if allowed == 0 or peeks then after = before end
                if not peeks and (allowed == 1 or clock_set_back) then
                  local write = {'last', string.format('%.0f', time_of_take)}
                  for i = 1, count do
                    latest = math.max(latest, after[i])
                    write[2 * i + 1] = fields[i + 1]
                    write[2 * i + 2] = string.format('%.0f', after[i])
                  end
                  redis.call('HSET', KEYS[1], unpack(write))
                  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil((latest - now) / 1000) + 1))
                end
                local result = {allowed, now, epoch}
                for i = 1, count do result[i + 3] = after[i] end
                return result
                """
        )

        /// Records one node as alive and counts the live nodes, by the server's clock.
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
