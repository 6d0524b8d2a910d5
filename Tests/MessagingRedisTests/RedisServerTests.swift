import Foundation
import MessagingRedis
import NIOCore
import NIOPosix
import TestKit
import Testing

/// Against the real server.
@Suite(.enabled(if: TestRedis.isAvailable)) struct RedisServerTests {
    private func withShared(_ body: (RedisClient, _ prefix: String) async throws -> Void) async throws {
        let address = try RedisAddress(TestRedis.sharedAddress ?? "")
        try await withClient(RedisSettings(address: address)) {
            try await body($0, "gatehouse-test:\(UUID().uuidString)")
        }
    }

    private func withClient(
        _ settings: RedisSettings, on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        _ body: (RedisClient) async throws -> Void
    ) async throws {
        var settings = settings
        settings.backoff.longest = .milliseconds(100)
        let client = RedisClient(settings, eventLoopGroup: group)
        do { try await body(client) } catch {
            await client.close()
            throw error
        }
        await client.close()
    }

    @Test func `answers come to those who asked, however many ask at once`() async throws {
        try await withShared { client, prefix in
            try await withThrowingTaskGroup { group in
                for number in 0..<2_000 {
                    group.addTask {
                        let text = "\(prefix):\(number)"
                        let answer = try await client.send("ECHO", text).text
                        #expect(answer == text)
                    }
                }
                try await group.waitForAll()
            }
            #expect(client.isConnected)
        }
    }

    @Test func `any bytes of any size go there and come back`() async throws {
        try await withShared { client, prefix in
            for size in [0, 1, 1_023, 1_024, 70_000, 1 << 20] {
                let bytes = ByteBuffer(bytes: (0..<size).lazy.map { UInt8(truncatingIfNeeded: $0 &* 31) })
                _ = try await client.send(
                    RedisCommand([
                        ByteBuffer(string: "SET"), ByteBuffer(string: prefix), bytes, ByteBuffer(string: "EX"),
                        ByteBuffer(string: "60"),
                    ]))
                #expect(try await client.send("GET", prefix) == .bulk(bytes))
            }
            _ = try await client.send("DEL", prefix)
            #expect(try await client.send("GET", prefix) == .null)
            #expect(try await client.send("MGET", prefix, prefix) == .array([.null, .null]))
        }
    }

    @Test func `what the server refuses is told in its words, and the next command is fine`() async throws {
        try await withShared { client, _ in
            let fault = await #expect(throws: RedisError.self) { try await client.send("NO-SUCH-COMMAND") }
            guard case .refused(let words) = fault else {
                Issue.record("\(String(describing: fault))")
                return
            }
            #expect(words.contains("unknown command"))
            let answer = try await client.send("PING")
            #expect(answer == .simple("PONG"))
        }
    }

    @Test func `a script runs by its digest, and again after the server forgot it`() async throws {
        try await TestRedis.withServer { server in
            try await withClient(RedisSettings(address: RedisAddress(host: "127.0.0.1", port: server.port))) { client in
                let script = RedisScript("return {KEYS[1], ARGV[1] + 1, redis.call('INCR', KEYS[1])}")
                let value = try await client.run(script, keys: ["k"], arguments: ["41"])
                #expect(value == .array([.bulk(ByteBuffer(string: "k")), .integer(42), .integer(1)]))
                _ = try await client.send("SCRIPT", "FLUSH")
                #expect(try await client.run(script, keys: ["k"], arguments: ["1"]).array?.last == .integer(2))
                #expect(try await client.run(script, keys: ["k"], arguments: ["1"]).array?.last == .integer(3))
                await #expect(throws: RedisError.self) {
                    try await client.run(RedisScript("return nonsense("), keys: [], arguments: [])
                }
            }
        }
    }

    @Test func `a server that hangs, dies and comes back is a matter of a moment`() async throws {
        try await TestRedis.withServer { server in
            var settings = RedisSettings(address: RedisAddress(host: "127.0.0.1", port: server.port))
            settings.commandTimeout = .milliseconds(200)
            settings.connectTimeout = .milliseconds(300)
            // One connection: what hangs is the one that was used.
            try await withClient(settings, on: MultiThreadedEventLoopGroup.singleton.next()) { client in
                #expect(try await client.send("INCR", "n") == .integer(1))
                server.freeze()
                let hung = await #expect(throws: RedisError.self) { try await client.send("INCR", "n") }
                guard case .unknownOutcome = hung else {
                    Issue.record("\(String(describing: hung))")
                    return
                }
                server.thaw()
                try await eventually { try await client.send("PING") == .simple("PONG") }
                server.stop()
                try await eventually { if case .notConnected = await fault(of: client) { true } else { false } }
                #expect(!client.isConnected)
                try server.start()
                try await eventually { try await client.send("GET", "n") == .null }
            }
        }
    }

    private func fault(of client: RedisClient) async -> RedisError? {
        do throws(RedisError) {
            _ = try await client.send("PING")
            return nil
        } catch { return error }
    }

    /// Asks until it is so: what happens in another process is waited for, up to some seconds.
    private func eventually(_ condition: () async throws -> Bool) async throws {
        for _ in 0..<1_000 {
            if (try? await condition()) == true { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("it did not become so")
    }

    @Test func `passwords, users and databases are used, and a wrong password is told without it`() async throws {
        try await TestRedis.withServer(arguments: { _, _ in
            ["--requirepass", "first secret", "--user", "alice", "on", ">second%secret", "~*", "&*", "+@all"]
        }) { server in
            func settings(_ text: String) throws -> RedisSettings { RedisSettings(address: try RedisAddress(text)) }
            let place = "127.0.0.1:\(server.port)"
            try await withClient(try settings("redis://:first%20secret@\(place)")) {
                let answer = try await $0.send("ACL", "WHOAMI").text
                #expect(answer == "default")
            }
            try await withClient(try settings("redis://alice:second%25secret@\(place)/5")) { client in
                let answer = try await client.send("ACL", "WHOAMI").text
                #expect(answer == "alice")
                let answerAgain = try await client.send("CLIENT", "INFO").text?.contains(" db=5 ")
                #expect(answerAgain == true)
            }
            for wrong in [
                "redis://:wrongpass@\(place)", "redis://bob:wrongpass@\(place)", "redis://\(place)",
                "redis://:first%20secret@\(place)/4711",
            ] {
                try await withClient(try settings(wrong)) { client in
                    let fault = await #expect(throws: RedisError.self) { try await client.send("GET", "x") }
                    guard case .notConnected(let why) = fault else {
                        Issue.record("\(String(describing: fault))")
                        return
                    }
                    #expect(why.contains("refused") && !why.contains("wrongpass") && !why.contains("first secret"))
                }
            }
        }
    }

    @Test func `TLS is spoken with a server whose certificate is trusted, and with no other`() async throws {
        try await TestRedis.withServer(
            prepare: { folder in
                let openssl = Process()
                openssl.executableURL = URL(filePath: "/usr/bin/env")
                openssl.arguments = [
                    "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                    folder.appending(path: "key.pem").path,
                    "-out", folder.appending(path: "certificate.pem").path,
                ]
                openssl.standardError = FileHandle.nullDevice
                try openssl.run()
                openssl.waitUntilExit()
            },
            arguments: { port, folder in
                [
                    "--port", "0", "--tls-port", "\(port)", "--tls-auth-clients", "no", "--tls-key-file",
                    folder.appending(path: "key.pem").path,
                    "--tls-cert-file", folder.appending(path: "certificate.pem").path, "--requirepass", "sesame",
                ]
            }
        ) { server in
            for host in ["localhost", "127.0.0.1"] {
                var settings = RedisSettings(address: try RedisAddress("rediss://:sesame@\(host):\(server.port)"))
                settings.certificateAuthority = server.folder.appending(path: "certificate.pem").path
                try await withClient(settings) { client in
                    let answer = try await client.send("ECHO", String(repeating: "secret ", count: 10_000)).text?.count
                    #expect(answer == 70_000)
                }
                settings.certificateAuthority = nil
                try await withClient(settings) { client in
                    let fault = await #expect(throws: RedisError.self) { try await client.send("PING") }
                    guard case .notConnected = fault else {
                        Issue.record("\(String(describing: fault))")
                        return
                    }
                }
            }
        }
    }

    @Test func `what is published is heard, also after the server was away`() async throws {
        try await TestRedis.withServer { server in
            var settings = RedisSettings(address: RedisAddress(host: "127.0.0.1", port: server.port))
            settings.backoff.longest = .milliseconds(50)
            let subscriber = RedisSubscriber(settings)
            let heard = subscriber.listen(to: "news")
            let deaf = subscriber.listen(to: "other")
            var events = heard.makeAsyncIterator()
            #expect(await events.next() == .subscribed)
            try await withClient(settings) { client in
                _ = try await client.send("PUBLISH", "news", "one")
                _ = try await client.send("PUBLISH", "elsewhere", "nobody hears")
                _ = try await client.send("PUBLISH", "news", "two")
                #expect(await events.next() == .message(ByteBuffer(string: "one")))
                #expect(await events.next() == .message(ByteBuffer(string: "two")))
                server.stop()
                try server.start()
                #expect(await events.next() == .subscribed, "tells that something may have been missed")
                try await eventually { try await client.send("PUBLISH", "news", "three") == .integer(1) }
                #expect(await events.next() == .message(ByteBuffer(string: "three")))
            }
            await subscriber.close()
            #expect(await events.next() == nil)
            var silent = deaf.makeAsyncIterator()
            while let event = await silent.next() { #expect(event == .subscribed) }
        }
    }
}
