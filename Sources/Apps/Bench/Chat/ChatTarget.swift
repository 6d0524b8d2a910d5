import Base
import Foundation
import NIOCore
import NIOPosix
import TestKit

/// A server between the clients of a load and the service; or nothing, where the clients ask the service itself.
struct ChatTarget: Sendable {
    let name: String
    let port: Int
    /// Of the accounts that ask in turn; empty where none is needed.
    var tokens: [String] = []
    /// Nil for the service, which is a part of this process.
    var process: Child?

    static let system = "Gatehouse, SQLite"
    static let direct = "nothing"
    static let liteLLM = "LiteLLM"

    /// Processor time of the server so far, in seconds.
    var processorSeconds: Double { process?.processorSecondsWithChildren ?? .nan }

    /// Opens the connections of a load.
    /// - Parameter ends: whether answers end.
    func open(
        _ load: ChatLoad, ends: Bool = true, accounts: Int = 1, log: ChatLog, on group: any EventLoopGroup
    ) async throws -> [any Channel] {
        let body = load.body(ends: ends)
        var channels: [any Channel] = []
        for number in 0..<load.streams {
            let authorization =
                tokens.isEmpty ? "" : "Authorization: Bearer \(tokens[number % min(accounts, tokens.count)])\r\n"
            var request = ByteBuffer(
                string: "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n\(authorization)"
                    + "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n\r\n")
            request.writeBytes(body)
            // Answers begin at different times.
            let delay = TimeAmount.microseconds(Int64(load.tokens * load.pace * number / load.streams))
            let opened = request
            channels.append(
                try await ClientBootstrap(group: group)
                    .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(
                                ChatReader(request: opened, delay: delay, log: log))
                        }
                    }
                    .connect(host: "127.0.0.1", port: port).get())
        }
        return channels
    }

    /// Waits until it has streamed an answer.
    /// - Returns: false where it has not after three minutes, and where its process has ended.
    func isReady(on group: any EventLoopGroup) async throws -> Bool {
        let one = ChatLoad(title: "", streams: 1, tokens: 1, pace: 0)
        let deadline = ContinuousClock.now + .seconds(180)
        while .now < deadline, process?.isRunning ?? true {
            let log = ChatLog()
            log.isOver.isSet = true
            if let channels = try? await open(one, log: log, on: group) {
                // The first answer may take long.
                for _ in 0..<1_000 where log.streams + log.failures == 0 {
                    try await Task.sleep(for: .milliseconds(20))
                }
                for channel in channels { try? await channel.close().get() }
                if log.streams > 0 { return true }
            }
            try await Task.sleep(for: .milliseconds(200))
        }
        return false
    }
}
