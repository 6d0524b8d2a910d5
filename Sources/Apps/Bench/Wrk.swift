import Base
import Foundation

/// The HTTP client wrk on one thread, which takes far less time a request than any of the measured servers.
struct Wrk: Sendable {
    struct Metrics: Sendable {
        var requests: Double
        var perSecond: Double
        var p50Milliseconds: Double
        var p99Milliseconds: Double
        /// Processor time of wrk itself for one request.
        var clientMicroseconds: Double
    }

    /// What authenticates the requests of a run; they use the lines of a file in turn.
    enum Credentials: Sendable {
        case none
        /// A file of access tokens, one a line.
        case tokens(URL)
        /// A service key that reserves a unit, with an operation of its own in every request.
        /// - Parameter organisations: a file of their identifiers, one a line.
        case serviceKey(String, organisations: URL)
    }

    private let script: URL
    private let affinity: Child.Affinity

    init(scratch: URL, on affinity: Child.Affinity) throws {
        self.affinity = affinity
        script = scratch.appending(path: "wrk.lua")
        try Self.lua.write(to: script, atomically: true, encoding: .utf8)
    }

    /// Sends requests to one URL.
    /// - Throws: ``Errors`` where a response was no success.
    func run(
        _ method: String, _ url: String, as credentials: Credentials = .none, connections: Int, seconds: Int
    ) throws -> Metrics {
        var arguments = [
            "--threads", "1", "--connections", "\(connections)", "--duration", "\(seconds)s", "--timeout", "10s",
            "--script", script.path, url, "--", method,
        ]
        switch credentials {
        case .none: break
        case .tokens(let file): arguments.append(file.path)
        case .serviceKey(let key, let file):
            arguments += [file.path, key, Runtime.system.id(of: Wrk.self).text]
        }
        let before = ProcessTimes(of: "self")?.endedChildren ?? .nan
        let output = String(decoding: try Child.output(of: "/usr/bin/wrk", arguments, on: affinity), as: UTF8.self)
        let line = output.split(separator: "\n").first { $0.hasPrefix("metrics ") } ?? ""
        let numbers = line.split(separator: " ").dropFirst().compactMap { Double($0) }
        guard numbers.count == 5, numbers[0] > 0, numbers[4] == 0 else { throw Errors(url: url, output: output) }
        return Metrics(
            requests: numbers[0],
            perSecond: numbers[0] / numbers[1] * 1e6,
            p50Milliseconds: numbers[2] / 1_000,
            p99Milliseconds: numbers[3] / 1_000,
            clientMicroseconds: ((ProcessTimes(of: "self")?.endedChildren ?? .nan) - before) / numbers[0] * 1e6
        )
    }

    struct Errors: Error, CustomStringConvertible {
        let url: String
        let output: String
        var description: String { "not every request to \(url) succeeded:\n\(output)" }
    }

    /// Requests are formatted before the first is sent, so that using credentials in turn takes no time. Those that
    /// reserve get the last 12 digits of their operation when they are sent.
    private static let lua = """
        local requests, turn, number, isReserving = {}, 0, 0, false

        local function reservation(organisation, key, prefix)
            local headers = {
                Host = wrk.headers["Host"], Authorization = "Bearer " .. key, ["X-Organisation"] = organisation,
                ["Content-Type"] = "application/json"
            }
            local ending = string.rep("0", 12) .. '"}'
            local body = '{"meter":"processing","units":1,"operation":"' .. prefix .. " " .. ending
            return string.sub(wrk.format("POST", nil, headers, body), 1, -1 - #ending)
        end

        function init(args)
            local method, file, key, prefix = args[1], args[2], args[3], args[4]
            isReserving = key ~= nil
            if file == nil then
                requests[1] = wrk.format(method)
                return
            end
            for line in io.lines(file) do
                if isReserving then
                    requests[#requests + 1] = reservation(line, key, prefix)
                else
                    local headers = { Host = wrk.headers["Host"], Authorization = "Bearer " .. line }
                    requests[#requests + 1] = wrk.format(method, nil, headers)
                end
            end
        end

        function request()
            turn = turn % #requests + 1
            if not isReserving then return requests[turn] end
            number = number + 1
            return requests[turn] .. string.format('%012d"}', number)
        end

        function done(summary, latency)
            local errors = summary.errors
            print(string.format("metrics %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50),
                latency:percentile(99), errors.connect + errors.read + errors.write + errors.status + errors.timeout))
        end

        """
}
