import App
import Foundation
import Modules
import NIOCore
import Outbound
import Synchronization
import TestKit

/// Up to 200 streams of several organisations with limits of tokens, against a service of this process, while the server is
/// killed and started again. In the end no organisation has used more than its limit, every turn is settled, by what
/// the service has counted or, where its process was killed, by all that was reserved, and the invariants hold.
struct ChatProof {
    let folder: String
    let database: String
    let engine: ProveCommand.Engine
    let seconds: Int
    let seed: UInt64

    /// A short proof has fewer: on a busy machine as many would hardly begin between two kills.
    private var streams: Int { min(200, 10 * seconds) }
    private static let organisations = 8
    /// Tokens of an answer at most, as the clients ask for.
    private static let answerMax: Int64 = 40
    /// Milliseconds that a server lives from its first answer on.
    private static let life = 300..<1_500
    /// For how long that answer is waited for.
    private static let answerWaitMax = Duration.seconds(30)

    /// Of the plans: the first one is used up, the second one is not.
    private var limits: [Int64] { [Int64(seconds) * 300, 1_000_000_000] }

    /// A stream that its client has read to the end.
    struct Acknowledged: Sendable {
        let turn: String
        let prompt: String
        let input: Int64
        let output: Int64
    }

    private struct Tally {
        var acknowledged: [Acknowledged] = []
        var refused = 0
        var left = 0
        var broken = 0
        var unexpected: [String] = []
    }

    /// What the tasks of the clients share.
    private final class State: Sendable {
        let tally = Mutex(Tally())
        /// Of the server; nil while none runs.
        let url = Mutex<String?>(nil)
        let isOver = Flag()
        let kills = Counter()
    }

    /// - Returns: the number of violations.
    func run(_ write: @escaping @Sendable (String) -> Void) async throws -> Int {
        write(
            "\(engine): \(streams) streams of \(Self.organisations) organisations for \(seconds) s, killed every "
                + "0.3–1.5 s; limits of \(limits[0]) and \(limits[1]) tokens; seed \(seed)")
        // Some answers end before their bound, and each has another length.
        let upstream = try await ChatUpstream.start { request in
            var random = SplitMix(seed: UInt64(request.number))
            let tokens = 1 + Int64(random.next() % UInt64(max(1, request.tokensMax)))
            return ChatUpstream.Answer(
                tokens: Int(tokens), pace: .milliseconds(Int64(20 + random.next() % 20)),
                input: 1 + Int64(random.next() % UInt64(max(1, request.prompt.utf8.count))))
        }
        let clock = OffsetClock()
        let server = try await ChatServer(
            folder: folder, database: database, upstream: upstream.url, limits: limits,
            dependencies: AppDependencies(
                runtime: Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes), clock: { clock.now }))
        var accounts: [(token: String, organisation: String)] = []
        for number in 0..<Self.organisations {
            accounts.append(
                try await server.app.registerSubscriber(
                    Accounts.email(number), plan: ChatServer.plan(number % limits.count)))
        }
        let state = State()
        var faults = try await play(accounts.map(\.token), server, state, upstream, write)
        await upstream.stop()

        try await server.app.waitUntilQuiet()
        try await settle(server, clock)
        faults += try await allInvariants.faults(in: server.app.database)
        faults += try await compare(accounts.map(\.organisation), server, state, upstream)
        let (tally, served) = (state.tally.withLock { $0 }, upstream.served)
        faults += tally.unexpected
        let lowered = served.count { $0.request.tokensMax < Self.answerMax }
        for (what, count) in [
            ("stream was read to its end", tally.acknowledged.count), ("stream broke off", tally.broken),
            ("kill", state.kills.count),
        ] where count == 0 { faults.append("no \(what): this run proves nothing") }
        for fault in Set(faults).sorted().prefix(20) { write("  ✘ \(fault)") }
        write(
            """
              turns \(served.count), read to the end \(tally.acknowledged.count), left by their clients \(tally.left), \
            broken off \(tally.broken), refused \(tally.refused), with fewer tokens than asked for \(lowered), \
            kills \(state.kills.count)
              violations \(faults.count)
            """)
        await server.app.close()
        return faults.count
    }

    // MARK: What happens

    /// Streams, while the server is killed and started again.
    /// - Returns: violations that were seen meanwhile.
    private func play(
        _ tokens: [String], _ server: ChatServer, _ state: State, _ upstream: ChatUpstream,
        _ write: @escaping @Sendable (String) -> Void
    ) async throws -> [String] {
        var settings = OutboundClient.Settings()
        settings.connectionsPerHost = streams
        let client = OutboundClient(settings)
        let faults = try await Progress.write(to: write) {
            "\(upstream.servedCount) turns, \(state.kills.count) kills"
        } during: {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<streams {
                    group.addTask { [seed] in
                        var random = SplitMix(seed: seed &+ UInt64(lane))
                        var number = 0
                        while !state.isOver.isSet {
                            number += 1
                            let prompt = "lane \(lane) turn \(number)" + String(repeating: " word", count: lane % 7)
                            await Self.stream(
                                prompt, as: tokens[lane % tokens.count], leaves: random.next() % 10 == 0, client, state)
                        }
                    }
                }
                defer { state.isOver.isSet = true }
                let faults = try await killServers(server, state, upstream)
                state.isOver.isSet = true
                try await group.waitForAll()
                return faults
            }
        }
        await client.shutDown()
        return faults
    }

    /// Starts the server again and again, and kills it.
    private func killServers(_ server: ChatServer, _ state: State, _ upstream: ChatUpstream) async throws -> [String] {
        var random = SplitMix(seed: seed)
        var faults: [String] = []
        var rest = Duration.seconds(seconds)
        while rest > .zero {
            let (process, url) = try await ServeChatCommand.start(
                folder: URL(filePath: folder), database: database, upstream: upstream.url, limits: limits)
            let (begun, read) = (upstream.servedCount, state.tally.withLock { $0.acknowledged.count })
            state.url.withLock { $0 = url }
            // One server of two is killed before any answer is complete, or soon after.
            let isEarly = random.next() % 2 == 0
            let end = ContinuousClock.now + Self.answerWaitMax
            while .now < end, process.isRunning,
                isEarly ? upstream.servedCount == begun : state.tally.withLock({ $0.acknowledged.count }) == read
            {
                try await Task.sleep(for: .milliseconds(5))
            }
            let span = UInt64(Self.life.count)
            let life = min(rest, .milliseconds(Int64(Self.life.lowerBound) + Int64(random.next() % span)))
            try await Task.sleep(for: life)
            rest -= life
            if !process.isRunning { faults.append("a server ended with status \(process.status)") }
            process.kill()
            state.url.withLock { $0 = nil }
            state.kills.next()
            faults += try await exceeded(server)
        }
        return faults
    }

    /// Streams one answer.
    /// - Parameter leaves: whether the client goes away after the first part.
    private static func stream(
        _ prompt: String, as token: String, leaves: Bool, _ client: OutboundClient, _ state: State
    ) async {
        guard let url = state.url.withLock({ $0 }) else {
            try? await Task.sleep(for: .milliseconds(20))
            return
        }
        let message: JSONValue = ["role": "user", "content": .string(prompt)]
        var body: [UInt8] = []
        body.append(
            json: [
                "model": .string(ChatServer.model), "messages": [message], "max_tokens": .integer(answerMax),
                "stream": true, "stream_options": ["include_usage": true],
            ])
        let request = OutboundRequest(
            "POST", url + "/v1/chat/completions",
            headers: [
                (name: "Authorization", value: "Bearer \(token)"), (name: "Content-Type", value: "application/json"),
            ], body: .bytes(body))
        do {
            let response = try await client.open(request)
            guard response.status == 200 else {
                let text = String(decoding: try await response.collect(upTo: 64 << 10), as: UTF8.self)
                if response.status == 403, text.contains("quota-exceeded") {
                    state.tally.withLock { $0.refused += 1 }
                    try await Task.sleep(for: .milliseconds(50))
                } else if response.status == 503 {
                    // A busy database refuses.
                    state.tally.withLock { $0.broken += 1 }
                } else {
                    state.tally.withLock { $0.unexpected.append("a turn was answered \(response.status): \(text)") }
                }
                return
            }
            var events = ServerSentEventReader(eventBytesMax: 64 << 10)
            var (turn, input, output) = ("", Int64(0), Int64(0))
            var (isComplete, hasLeft) = (false, false)
            try await response.read { chunk in
                for event in try events.read(chunk.readableBytesView) {
                    guard let json = try? JSONValue(parsing: event.data) else {
                        isComplete = isComplete || event.data == Array("[DONE]".utf8)
                        continue
                    }
                    turn = json["id"]?.string?.split(separator: "-", maxSplits: 1).last.map(String.init) ?? turn
                    input = json["usage"]?["prompt_tokens"]?.integer ?? input
                    output = json["usage"]?["completion_tokens"]?.integer ?? output
                }
                hasLeft = leaves && !isComplete
                return !hasLeft
            }
            let acknowledged = Acknowledged(turn: turn, prompt: prompt, input: input, output: output)
            let (wasRead, wasLeft) = (isComplete, hasLeft)
            state.tally.withLock { tally in
                if wasRead {
                    tally.acknowledged.append(acknowledged)
                } else if wasLeft {
                    tally.left += 1
                } else {
                    tally.broken += 1
                }
            }
        } catch {
            state.tally.withLock { $0.broken += 1 }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Ends the turns of killed processes as the server does ten minutes later.
    private func settle(_ server: ChatServer, _ clock: OffsetClock) async throws {
        try await server.app.runDueJobs(together: 1)
        for minutes in 1...5 {
            clock.set(offset: .minutes(Int64(10 + 2 * minutes)))
            try await server.app.runDueJobs(together: 1)
            let running = try await server.app.database.read {
                try $0.count("SELECT COUNT(*) AS count FROM assistant_turns WHERE state = 'running'")
            }
            if running == 0 { return }
        }
    }

    // MARK: What is there

    /// Organisations whose used and reserved tokens exceed their limit.
    private func exceeded(_ server: ChatServer) async throws -> [String] {
        let limits = limits
        return try await server.app.database.read { transaction in
            try transaction.all(
                """
                SELECT buckets.organisation_id, used + held AS taken, plan_id FROM buckets
                    JOIN subscriptions ON subscriptions.organisation_id = buckets.organisation_id
                WHERE meter = 'tokens'
                """
            ) {
                (
                    try $0.read("organisation_id", as: String.self), try $0.read("taken", as: Int64.self),
                    try $0.read("plan_id", as: String.self)
                )
            }
        }.compactMap { organisation, taken, plan in
            let limit = limits[plan == ChatServer.plan(0) ? 0 : 1]
            return taken > limit ? "\(organisation) has taken \(taken) tokens of \(limit)" : nil
        }
    }

    /// A turn as the database has it.
    private struct Turn: Sendable {
        let id: String
        let organisation: String
        let state: String
        let input: Int64
        let output: Int64
        let reserved: Int64
        let error: String?
        let isEstimated: Bool

        init(row: Row) throws {
            id = try row["id"]
            organisation = try row["organisation_id"]
            state = try row["state"]
            input = try row["input_tokens"]
            output = try row["output_tokens"]
            reserved = try row["reserved_tokens"]
            error = try row["error"]
            isEstimated = try row["is_estimated"]
        }

        /// Of a killed process.
        var isLost: Bool { state == "interrupted" && error == "internal-error" }
    }

    private func compare(
        _ organisations: [String], _ server: ChatServer, _ state: State, _ upstream: ChatUpstream
    ) async throws -> [String] {
        let (turns, levels, beyond) = try await server.app.database.read { transaction in
            (
                try transaction.all("SELECT * FROM assistant_turns", Turn.init),
                try transaction.all("SELECT organisation_id, used, held FROM buckets WHERE meter = 'tokens'") {
                    (
                        try $0.read("organisation_id", as: String.self), try $0.read("used", as: Int64.self),
                        try $0.read("held", as: Int64.self)
                    )
                },
                try transaction.count(
                    "SELECT COUNT(*) AS count FROM usage_entries WHERE beyond <> 0 OR is_overrun <> 0")
            )
        }
        var faults = try await exceeded(server)
        if beyond > 0 { faults.append("\(beyond) turns have used more than a limit") }
        for (organisation, used, held) in levels {
            let sum = turns.filter { $0.organisation == organisation }.reduce(0) { $0 + $1.input + $1.output }
            if held != 0 { faults.append("\(held) tokens of \(organisation) are still reserved") }
            if used != sum { faults.append("\(organisation) has used \(used) tokens, its turns \(sum)") }
        }
        for turn in turns {
            let charged = turn.input + turn.output
            switch turn.state {
            case "completed" where turn.isEstimated: faults.append("\(turn.id) is complete, and was not counted")
            case "completed", "interrupted":
                if charged > turn.reserved { faults.append("\(turn.id): \(charged) tokens of \(turn.reserved)") }
                if turn.isLost, charged != turn.reserved {
                    faults.append("\(turn.id) was lost with \(charged) tokens, not \(turn.reserved)")
                }
            case "failed": if charged != 0 { faults.append("\(turn.id) has failed with \(charged) tokens") }
            default: faults.append("\(turn.id) is \(turn.state)")
            }
        }
        return faults + compare(turns, state.tally.withLock { $0.acknowledged }, upstream.served)
    }

    /// What clients and the service have counted, and turns that say something else.
    private func compare(_ turns: [Turn], _ acknowledged: [Acknowledged], _ served: [ChatUpstream.Served]) -> [String] {
        var faults: [String] = []
        let byID = Dictionary(uniqueKeysWithValues: turns.map { ($0.id, $0) })
        let counted = served.filter(\.isCounted)
        let byPrompt = Dictionary(grouping: counted, by: \.request.prompt)
        for stream in acknowledged {
            guard let turn = byID[stream.turn], turn.state == "completed" else {
                faults.append("\(stream.turn) was acknowledged, and is \(byID[stream.turn]?.state ?? "missing")")
                continue
            }
            let answers = byPrompt[stream.prompt] ?? []
            let isCounted = answers.contains { Int64($0.answer.tokens) == turn.output && $0.answer.input == turn.input }
            if !isCounted || turn.input != stream.input || turn.output != stream.output {
                faults.append("\(turn.id): \(turn.input) and \(turn.output) tokens, counted otherwise")
            }
        }
        // Every completed turn has tokens that the service has counted once.
        var left = Dictionary(counted.map { ([$0.answer.input, Int64($0.answer.tokens)], 1) }, uniquingKeysWith: +)
        for turn in turns where turn.state == "completed" {
            let count = left[[turn.input, turn.output], default: 0]
            if count == 0 { faults.append("\(turn.id): the service has not counted its tokens") }
            left[[turn.input, turn.output]] = count - 1
        }
        return faults
    }
}
