import ArgumentParser
import Client
import Foundation
import NIOCore
import NIOPosix

/// Publishes messages to WebSockets that it reads, in a process of its own; prints one JSON value.
struct FollowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "follow", shouldDisplay: false)

    struct Result: Codable {
        let deliveries: Double
        let seconds: Double
        let p50Milliseconds: Double
        let p99Milliseconds: Double
        /// Processor time of the server for one delivery.
        let serverMicroseconds: Double
    }

    @OptionGroup var target: SocketTarget
    @Option(help: "The endpoint that appends a message, or the path of a WebSocket for messages.")
    var publish: String
    @Option var readers: Int
    @Option var messages: Int
    @Option(help: "Messages a second; 0 for as many as are delivered.")
    var rate: Int
    @Option(help: "The identifier of the server's process.")
    var server: Int32

    /// Messages under way at once without a rate.
    private static let window = 32

    func run() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let log = DeliveryLog()
        _ = try await target.open(readers, on: group) { log.record($0) }
        let client = Client(baseURL: "http://127.0.0.1:\(target.port)", connections: Self.window)
        let publisher: BenchPublisher
        if target.token == nil {
            let socket = SocketTarget(port: target.port, path: publish, token: nil)
            publisher = .socket(try await socket.open(1, on: group)[0])
        } else {
            publisher = .endpoint(client.signedIn(with: target.token), path: publish)
        }
        // The first messages open connections and fill caches.
        let warming = 10
        for _ in 0..<warming { try await publisher.send() }
        try await log.wait(for: warming * readers)

        log.reset()
        let (start, before) = (ContinuousClock.now, ProcessTimes(of: "\(server)")?.own ?? .nan)
        try await send(by: publisher, log)
        try await log.wait(for: messages * readers)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let used = (ProcessTimes(of: "\(server)")?.own ?? .nan) - before
        let deliveries = Double(messages * readers)
        let result = Result(
            deliveries: deliveries, seconds: seconds, p50Milliseconds: log.percentile(50) / .milliseconds(1),
            p99Milliseconds: log.percentile(99) / .milliseconds(1), serverMicroseconds: used / deliveries * 1e6)
        FileHandle.standardOutput.write(try JSONEncoder().encode(result))
        await client.shutDown()
    }

    private func send(by publisher: BenchPublisher, _ log: DeliveryLog) async throws {
        let start = ContinuousClock.now
        try await withThrowingDiscardingTaskGroup { tasks in
            for number in 0..<messages {
                if rate > 0 {
                    try await Task.sleep(until: start + .seconds(1) * Double(number) / Double(rate), clock: .continuous)
                } else {
                    while (number - Self.window) * readers > log.count { try await Task.sleep(for: .microseconds(200)) }
                }
                tasks.addTask { try await publisher.send() }
            }
        }
    }
}
