import Base

/// The tables of the measurement of chat.
struct ChatReport {
    private struct Key: Hashable {
        let name: String
        let load: ChatLoad
    }

    /// Servers that are not installed, or did not answer.
    var missing: [String] = []
    /// Bytes of one of 200 streams, by the server.
    var memory: [String: Double] = [:]
    /// Turns of one token, by the number of organisations.
    var turns: [Int: [ChatSample]] = [:]
    var leaving = DurationHistogram()
    private var names: [String] = []
    private var samples: [Key: [ChatSample]] = [:]

    mutating func add(_ sample: ChatSample, of target: ChatTarget, _ load: ChatLoad) {
        if !names.contains(target.name) { names.append(target.name) }
        samples[Key(name: target.name, load: load), default: []].append(sample)
    }

    private func median(_ value: (ChatSample) -> Double, of name: String, _ load: ChatLoad) -> Double {
        (samples[Key(name: name, load: load)] ?? []).map(value).median
    }

    /// Of the time to the first token, what the server adds.
    private func added(_ value: (ChatSample) -> Double, by name: String) -> Double {
        median(value, of: name, .many) - median(value, of: ChatTarget.direct, .many)
    }

    var tables: [Table] { [ChatLoad.many, .fast].map(table) + [turnTable, goals] }

    private func table(of load: ChatLoad) -> Table {
        var table = Table(
            load.title,
            [
                "between client and service", "tokens/s", "first token p50 ms", "p99 ms", "CPU µs/token",
                "memory kB/stream", "failures",
            ])
        for name in names {
            let failures = (samples[Key(name: name, load: load)] ?? []).reduce(0) { $0 + $1.failures }
            table.rows.append([
                name, median(\.tokensPerSecond, of: name, load).shown(),
                median(\.p50Milliseconds, of: name, load).shown(2), median(\.p99Milliseconds, of: name, load).shown(2),
                name == ChatTarget.direct ? "–" : median(\.microsecondsOfToken, of: name, load).shown(1),
                load == .many ? ((memory[name] ?? .nan) / 1_000).shown(1) : "–", "\(failures)",
            ])
        }
        for name in missing { table.rows.append([name, "not measured", "", "", "", "", ""]) }
        table.note = "First token: from sending the request. CPU: of the server, with the beginning and end of answers."
        return table
    }

    private var turnTable: Table {
        var table = Table(ChatLoad.short.title, ["organisations", "turns/s", "p50 ms", "p99 ms", "CPU µs/turn"])
        for (organisations, samples) in turns.sorted(by: { $0.key < $1.key }) {
            table.rows.append([
                "\(organisations)", samples.map(\.streamsPerSecond).median.shown(),
                samples.map(\.p50Milliseconds).median.shown(2), samples.map(\.p99Milliseconds).median.shown(2),
                samples.map(\.microsecondsOfStream).median.shown(),
            ])
        }
        table.note = "Each turn is stored before and after it, with its reserved and its used tokens."
        return table
    }

    private var goals: Table {
        var table = Table("Goals", ["what", "goal", "measured"])
        let token = median(\.microsecondsOfToken, of: ChatTarget.system, .fast)
        table.rows = [
            [
                "added to the first token, p99", "≤ 10 ms",
                added(\.p99Milliseconds, by: ChatTarget.system).shown(2) + " ms",
            ],
            ["CPU of a streamed token, 10 streams", "≤ 15 µs", token.shown(1) + " µs"],
            ["a client goes away: the service's connection ends, p99", "≤ 100 ms", shown(leaving.percentile(99))],
        ]
        for name in names where ![ChatTarget.direct, ChatTarget.system].contains(name) {
            let other = median(\.microsecondsOfToken, of: name, .fast)
            let isLiteLLM = name == ChatTarget.liteLLM
            table.rows.append([
                isLiteLLM ? "CPU of a token, \(name) to Gatehouse" : "CPU of a token, Gatehouse to \(name)",
                isLiteLLM ? "≥ 10.00 ×" : "≤ 2.00 ×", (isLiteLLM ? other / token : token / other).asRatio,
            ])
        }
        return table
    }

    private func shown(_ duration: Duration) -> String { (duration / .milliseconds(1)).shown(1) + " ms" }
}
