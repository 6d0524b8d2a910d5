import ArgumentParser
import Foundation
import NIOCore
import NIOPosix

/// Sends webhooks of the provider to a server, in a process of its own; prints one JSON value.
struct SendWebhooksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "send-webhooks", shouldDisplay: false)

    @Option var port: Int
    @Option var secret: String
    @Option var connections: Int
    @Option var seconds: Int
    @Option(help: "Webhooks a second; 0 for as many as are acknowledged.")
    var rate: Int
    @Option(help: "The number of the first event.")
    var first: Int
    @Option(help: "The identifier of the server's process.")
    var server: Int32

    struct Result: Codable {
        let acknowledged: Int
        let perSecond: Double
        let p50Milliseconds: Double
        let p99Milliseconds: Double
        let maxMilliseconds: Double
        /// Processor time of the server for one webhook, with what it applies meanwhile.
        let serverMicroseconds: Double
        let clientMicroseconds: Double
    }

    func run() async throws {
        let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        // The connections are opened before.
        let start = NIODeadline.now() + .milliseconds(500)
        let pace: WebhookLoad.Pace =
            rate == 0
            ? .unbounded(until: start + .seconds(Int64(seconds)))
            : .fixed(interval: .nanoseconds(1_000_000_000 / Int64(rate)), count: rate * seconds)
        let load = WebhookLoad(BenchEvents(secret: secret, first: first), pace, start: start, on: loop)
        let before = (server: ProcessTimes(of: "\(server)")?.own ?? .nan, own: ProcessTimes(of: "self")?.own ?? .nan)
        try await load.run(connections: connections, port: port)
        guard load.refused == 0 else { throw Refused(count: load.refused) }
        let count = Double(load.acknowledged)
        func microseconds(_ process: String, since before: Double) -> Double {
            ((ProcessTimes(of: process)?.own ?? .nan) - before) / count * 1e6
        }
        let result = Result(
            acknowledged: load.acknowledged, perSecond: count / (load.duration / .seconds(1)),
            p50Milliseconds: load.percentile(50) / .milliseconds(1),
            p99Milliseconds: load.percentile(99) / .milliseconds(1),
            maxMilliseconds: load.percentile(100) / .milliseconds(1),
            serverMicroseconds: microseconds("\(server)", since: before.server),
            clientMicroseconds: microseconds("self", since: before.own))
        FileHandle.standardOutput.write(try JSONEncoder().encode(result))
    }

    struct Refused: Error, CustomStringConvertible {
        let count: Int
        var description: String { "\(count) webhooks were not accepted" }
    }
}
