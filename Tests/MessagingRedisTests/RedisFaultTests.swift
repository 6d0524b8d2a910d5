import NIOCore
import NIOPosix
import TestKit
import Testing

@testable import MessagingRedis

/// What becomes of commands when the other side does not do as it should.
@Suite struct RedisFaultTests {
    private func withClient(
        _ port: Int, change: (inout RedisSettings) -> Void = { _ in }, _ body: (RedisClient) async throws -> Void
    ) async throws {
        var settings = RedisSettings(address: RedisAddress(host: "127.0.0.1", port: port))
        settings.backoff.first = .milliseconds(1)
        settings.backoff.longest = .milliseconds(5)
        change(&settings)
        let client = RedisClient(settings, eventLoopGroup: MultiThreadedEventLoopGroup.singleton.next())
        do { try await body(client) } catch {
            await client.close()
            throw error
        }
        await client.close()
    }

    private func fault(_ body: () async throws(RedisError) -> RESPValue) async -> RedisError? {
        do throws(RedisError) {
            _ = try await body()
            return nil
        } catch { return error }
    }

    @Test func `a command under which the connection broke has an unknown outcome and is not sent again`() async throws
    {
        try await FakeRedisServer.with {
            $0.command == ["INCR", "n"] ? .hangUp : .answer("+OK\r\n")
        } _: { server in
            try await withClient(server.port) { client in
                guard
                    case .unknownOutcome = await fault({ () async throws(RedisError) in
                        try await client.send("INCR", "n")
                    })
                else {
                    Issue.record("not told that the outcome is unknown")
                    return
                }
                let answer = try await client.send("SET", "a", "b")
                #expect(answer == .simple("OK"), "the connection is opened again by itself")
                #expect(server.arrivals.map(\.command) == [["INCR", "n"], ["SET", "a", "b"]])
                #expect(server.arrivals.map(\.connection) == [0, 1])
            }
        }
    }

    @Test func `one that may be sent twice is, once`() async throws {
        try await FakeRedisServer.with {
            $0.connection == 0 || $0.command == ["GET", "never"] ? .hangUp : .answer("$1\r\nx\r\n")
        } _: { server in
            try await withClient(server.port) { client in
                let answer = try await client.send("GET", "a", isIdempotent: true).text
                #expect(answer == "x")
                guard
                    case .unknownOutcome = await fault({ () async throws(RedisError) in
                        try await client.send("GET", "never", isIdempotent: true)
                    })
                else {
                    Issue.record("tried for ever")
                    return
                }
                #expect(
                    server.arrivals.map(\.command) == [
                        ["GET", "a"], ["GET", "a"], ["GET", "never"], ["GET", "never"],
                    ])
            }
        }
    }

    @Test(arguments: [
        "garbage\r\n", "$-5\r\n", ":1\r\n:2\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
    ])
    func `an answer that is none ends the connection`(text: String) async throws {
        try await FakeRedisServer.with {
            $0.connection == 0 ? .answer(text) : .answer("+OK\r\n")
        } _: { server in
            try await withClient(server.port) { client in
                _ = await fault { () async throws(RedisError) in try await client.send("FIRST") }
                // A second value to one command is noticed after its answer was handed out: what follows then meets the end of the connection or the new one.
                while await fault({ () async throws(RedisError) in try await client.send("NEXT") }) != nil {}
                #expect(server.arrivals.last?.connection == 1)
            }
        }
    }

    @Test func `more than may wait is refused at once, by number and by size`() async throws {
        try await FakeRedisServer.with {
            $0.command[0] == "ASK" ? .silence : .answer("+OK\r\n")
        } _: { server in
            try await withClient(server.port) {
                $0.pendingCommandsMax = 3
                $0.pendingBytesMax = 10_000
                $0.commandTimeout = .milliseconds(300)
            } _: { client in
                #expect(
                    await fault { () async throws(RedisError) in
                        try await client.send("SET", String(repeating: "x", count: 10_001))
                    } == .overloaded)
                let faults = await withTaskGroup { group in
                    for number in 0..<10 {
                        group.addTask {
                            await fault { () async throws(RedisError) in try await client.send("ASK", "\(number)") }
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                #expect(faults.filter { $0 == .overloaded }.count == 7)
                #expect(
                    faults.filter {
                        if case .unknownOutcome(let why) = $0 { why.contains("0.3 seconds") } else { false }
                    }.count == 3, "\(faults)")
                let answer = try await client.send("SET")
                #expect(answer == .simple("OK"), "room is made again")
            }
        }
    }

    @Test func `commands of many callers go out together`() async throws {
        try await FakeRedisServer.with {
            .answer(":\($0.command[1])\r\n")
        } _: { server in
            try await withClient(server.port) { client in
                try await withThrowingTaskGroup { group in
                    for number in 0..<500 {
                        group.addTask {
                            let answer = try await client.send("N", "\(number)")
                            #expect(answer == .integer(Int64(number)))
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(server.arrivals.count == 500)
                #expect(server.readCount < 100)
            }
        }
    }

    @Test func `closing waits for answers and refuses what comes later`() async throws {
        try await FakeRedisServer.with { _ in
            .answer("+OK\r\n")
        } _: { server in
            try await withClient(server.port) { client in
                let early = (0..<50).map { number in
                    Task { await fault { () async throws(RedisError) in try await client.send("N", "\(number)") } }
                }
                while server.arrivals.isEmpty { await Task.yield() }
                await client.close()
                for task in early {
                    let outcome = await task.value
                    #expect(outcome == nil || outcome == .closed)
                }
                #expect(await fault { () async throws(RedisError) in try await client.send("LATE") } == .closed)
                await client.close()
            }
        }
    }

    @Test func `one that was never used closes without connecting`() async throws {
        try await FakeRedisServer.with { _ in
            .answer("+OK\r\n")
        } _: { server in
            try await withClient(server.port) { client in
                await client.close()
                #expect(!client.isConnected && server.readCount == 0)
            }
        }
    }

    @Test func `where nobody listens commands fail at once`() async throws {
        let gone = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(
            host: "127.0.0.1", port: 0
        ).get()
        let port = gone.localAddress?.port ?? 0
        try await gone.close()
        try await withClient(port) { client in
            for _ in 0..<5 {
                guard case .notConnected = await fault({ () async throws(RedisError) in try await client.send("PING") })
                else {
                    Issue.record("not told")
                    return
                }
            }
        }
    }

    @Test func `waits grow twofold up to a bound, and no two clients wait alike`() {
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
