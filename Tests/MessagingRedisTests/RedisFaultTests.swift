import Base
import NIOCore
import NIOPosix
import TestKit
import Testing

@testable import MessagingRedis

/// The outcomes of commands when the server misbehaves or the connection fails.
@Suite struct RedisFaultTests {
    private func withClient(
        _ port: Int, change: (inout RedisSettings) -> Void = { _ in }, _ body: (RedisClient) async throws -> Void
    ) async throws {
        var settings = RedisSettings(address: RedisAddress(host: "127.0.0.1", port: port))
        settings.backoff.first = .milliseconds(1)
        settings.backoff.longest = .milliseconds(5)
        change(&settings)
        let client = RedisClient(settings, eventLoopGroup: MultiThreadedEventLoopGroup.singleton.next())
        try await attempt {
            try await body(client)
        } finally: {
            await client.close()
        }
    }

    private func thrownError(_ body: () async throws(RedisError) -> RESPValue) async -> RedisError? {
        do throws(RedisError) {
            _ = try await body()
            return nil
        } catch { return error }
    }

    @Test func `a command whose connection broke has an unknown outcome and is not sent again`() async throws {
        try await FakeRedisServer.with {
            $0.command == ["INCR", "n"] ? .close : .reply("+OK\r\n")
        } _: { server in
            try await withClient(server.port) { client in
                guard
                    case .unknownOutcome = await thrownError({ () async throws(RedisError) in
                        try await client.send("INCR", "n")
                    })
                else {
                    Issue.record("the outcome is not reported as unknown")
                    return
                }
                let reply = try await client.send("SET", "a", "b")
                #expect(reply == .simple("OK"), "the connection is opened again automatically")
                #expect(server.commands.map(\.command) == [["INCR", "n"], ["SET", "a", "b"]])
                #expect(server.commands.map(\.connection) == [0, 1])
            }
        }
    }

    @Test func `an idempotent command is sent again once`() async throws {
        try await FakeRedisServer.with {
            $0.connection == 0 || $0.command == ["GET", "never"] ? .close : .reply("$1\r\nx\r\n")
        } _: { server in
            try await withClient(server.port) { client in
                let reply = try await client.send("GET", "a", isIdempotent: true).text
                #expect(reply == "x")
                guard
                    case .unknownOutcome = await thrownError({ () async throws(RedisError) in
                        try await client.send("GET", "never", isIdempotent: true)
                    })
                else {
                    Issue.record("the command was retried more than once")
                    return
                }
                #expect(
                    server.commands.map(\.command) == [
                        ["GET", "a"], ["GET", "a"], ["GET", "never"], ["GET", "never"],
                    ])
            }
        }
    }

    @Test(arguments: [
        "garbage\r\n", "$-5\r\n", ":1\r\n:2\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
    ])
    func `an invalid reply closes the connection`(text: String) async throws {
        try await FakeRedisServer.with {
            $0.connection == 0 ? .reply(text) : .reply("+OK\r\n")
        } _: { server in
            try await withClient(server.port) { client in
                _ = await thrownError { () async throws(RedisError) in try await client.send("FIRST") }
                // A second reply to one command is detected after the first was delivered. The next commands then use
                // the closing connection or the new one.
                while await thrownError({ () async throws(RedisError) in try await client.send("NEXT") }) != nil {}
                #expect(server.commands.last?.connection == 1)
            }
        }
    }

    @Test func `commands beyond the pending count or size are refused at once`() async throws {
        try await FakeRedisServer.with {
            $0.command[0] == "BLOCK" ? .ignore : .reply("+OK\r\n")
        } _: { server in
            try await withClient(server.port) {
                $0.pendingCommandsMax = 3
                $0.pendingBytesMax = 10_000
                $0.commandTimeout = .milliseconds(300)
            } _: { client in
                #expect(
                    await thrownError { () async throws(RedisError) in
                        try await client.send("SET", String(repeating: "x", count: 10_001))
                    } == .overloaded)
                let errors = await withTaskGroup { group in
                    for number in 0..<10 {
                        group.addTask {
                            await thrownError { () async throws(RedisError) in
                                try await client.send("BLOCK", "\(number)")
                            }
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(errors.filter { $0 == .overloaded }.count == 7)
                #expect(
                    errors.filter {
                        if case .unknownOutcome(let reason) = $0 { reason.contains("0.3 seconds") } else { false }
                    }.count == 3, "\(errors)")
                let reply = try await client.send("SET")
                #expect(reply == .simple("OK"), "the capacity is free again")
            }
        }
    }

    @Test func `concurrent commands are pipelined`() async throws {
        try await FakeRedisServer.with {
            .reply(":\($0.command[1])\r\n")
        } _: { server in
            try await withClient(server.port) { client in
                try await withThrowingTaskGroup { group in
                    for number in 0..<500 {
                        group.addTask {
                            let reply = try await client.send("N", "\(number)")
                            #expect(reply == .integer(Int64(number)))
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(server.commands.count == 500)
                #expect(server.readCount < 100)
            }
        }
    }

    @Test func `close waits for pending replies and refuses later commands`() async throws {
        try await FakeRedisServer.with { _ in
            .reply("+OK\r\n")
        } _: { server in
            try await withClient(server.port) { client in
                let early = (0..<50).map { number in
                    Task {
                        await thrownError { () async throws(RedisError) in try await client.send("N", "\(number)") }
                    }
                }
                while server.commands.isEmpty { await Task.yield() }
                await client.close()
                for task in early {
                    let outcome = await task.value
                    #expect(outcome == nil || outcome == .closed)
                }
                #expect(await thrownError { () async throws(RedisError) in try await client.send("LATE") } == .closed)
                await client.close()
            }
        }
    }

    @Test func `an unused client closes without connecting`() async throws {
        try await FakeRedisServer.with { _ in
            .reply("+OK\r\n")
        } _: { server in
            try await withClient(server.port) { client in
                await client.close()
                #expect(!client.isConnected && server.readCount == 0)
            }
        }
    }

    @Test func `commands fail at once when the port is closed`() async throws {
        let closed = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(
            host: "127.0.0.1", port: 0
        ).get()
        let port = closed.localAddress?.port ?? 0
        try await closed.close()
        try await withClient(port) { client in
            for _ in 0..<5 {
                guard
                    case .notConnected = await thrownError({ () async throws(RedisError) in
                        try await client.send("PING")
                    })
                else {
                    Issue.record("the error is not notConnected")
                    return
                }
            }
        }
    }

    @Test func `the backoff doubles up to a bound, with jitter`() {
        var random = SplitMix(seed: 1)
        let backoff = RedisBackoff()
        for (failures, longest) in [(1, 50), (2, 100), (3, 200), (7, 3_200), (8, 5_000), (60, 5_000), (Int.max, 5_000)]
            as [(Int, Double)]
        {
            let delays = (0..<200).map { _ in backoff.delay(after: failures, using: &random) / .microseconds(1) }
            #expect(delays.allSatisfy { $0 >= longest * 500 && $0 <= longest * 1_000 + 1 }, "\(failures)")
            #expect(Set(delays).count > 150)
        }
    }
}
