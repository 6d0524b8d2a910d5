import Foundation

/// The HTTP client wrk on one thread, which takes far less time a request than any of the measured servers.
struct Wrk: Sendable {
    struct Metrics: Sendable {
        var requests: Double
        var perSecond: Double
        var p50Milliseconds: Double
        var p99Milliseconds: Double
    }

    private let script: URL
    private let affinity: Child.Affinity

    init(scratch: URL, on affinity: Child.Affinity) throws {
        self.affinity = affinity
        script = scratch.appending(path: "wrk.lua")
        try Self.lua.write(to: script, atomically: true, encoding: .utf8)
    }

    /// Sends requests to one URL.
    /// - Parameter tokens: a file of access tokens, one a line, which requests use in turn.
    /// - Throws: ``Errors`` where a response was no success.
    func run(_ method: String, _ url: String, tokens: URL? = nil, connections: Int, seconds: Int) throws -> Metrics {
        var arguments = [
            "--threads", "1", "--connections", "\(connections)", "--duration", "\(seconds)s", "--timeout", "10s",
            "--script", script.path, url, "--", method,
        ]
        if let tokens { arguments.append(tokens.path) }
        let output = String(decoding: try Child.output(of: "/usr/bin/wrk", arguments, on: affinity), as: UTF8.self)
        let line = output.split(separator: "\n").first { $0.hasPrefix("metrics ") } ?? ""
        let numbers = line.split(separator: " ").dropFirst().compactMap { Double($0) }
        guard numbers.count == 5, numbers[0] > 0, numbers[4] == 0 else { throw Errors(url: url, output: output) }
        return Metrics(
            requests: numbers[0],
            perSecond: numbers[0] / numbers[1] * 1e6,
            p50Milliseconds: numbers[2] / 1_000,
            p99Milliseconds: numbers[3] / 1_000
        )
    }

    struct Errors: Error, CustomStringConvertible {
        let url: String
        let output: String
        var description: String { "not every request to \(url) succeeded:\n\(output)" }
    }

    /// Requests are formatted before the first is sent, so that using tokens in turn takes no time.
    private static let lua = """
        local requests, turn = {}, 0

        function init(args)
            if args[2] == nil then
                requests[1] = wrk.format(args[1])
                return
            end
            for token in io.lines(args[2]) do
                local headers = { Host = wrk.headers["Host"], Authorization = "Bearer " .. token }
                requests[#requests + 1] = wrk.format(args[1], nil, headers)
            end
        end

        function request()
            turn = turn % #requests + 1
            return requests[turn]
        end

        function done(summary, latency)
            local errors = summary.errors
            print(string.format("metrics %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50),
                latency:percentile(99), errors.connect + errors.read + errors.write + errors.status + errors.timeout))
        end

        """
}
