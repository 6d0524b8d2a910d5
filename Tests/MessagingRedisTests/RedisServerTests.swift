import Base
import Foundation
import MessagingRedis
import NIOCore
import NIOPosix
import TestKit
import Testing

/// The client against a real server.
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
        try await attempt {
            try await body(client)
        } finally: {
            await client.close()
        }
    }

    @Test func `concurrent commands get their own replies`() async throws {
        try await withShared { client, prefix in
            try await withThrowingTaskGroup { group in
                for number in 0..<2_000 {
                    group.addTask {
                        let text = "\(prefix):\(number)"
                        let reply = try await client.send("ECHO", text).text
                        #expect(reply == text)
                    }
                }
                try await group.waitForAll()
            }
            #expect(client.isConnected)
        }
    }

    @Test func `arbitrary bytes of any size are stored and read`() async throws {
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

    @Test func `an error reply is thrown with its text, and the next command works`() async throws {
        try await withShared { client, _ in
            let error = await #expect(throws: RedisError.self) { try await client.send("NO-SUCH-COMMAND") }
            guard case .refused(let message) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(message.contains("unknown command"))
            let reply = try await client.send("PING")
            #expect(reply == .simple("PONG"))
        }
    }

    @Test func `a script runs by its digest, and again after SCRIPT FLUSH`() async throws {
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

    @Test func `the client recovers from a server that hangs, is killed and restarts`() async throws {
        try await TestRedis.withServer { server in
            var settings = RedisSettings(address: RedisAddress(host: "127.0.0.1", port: server.port))
            settings.commandTimeout = .milliseconds(200)
            settings.connectTimeout = .milliseconds(300)
            // One event loop, so that the connection in use is the one that hangs.
            try await withClient(settings, on: MultiThreadedEventLoopGroup.singleton.next()) { client in
                #expect(try await client.send("INCR", "n") == .integer(1))
                server.suspend()
                let hung = await #expect(throws: RedisError.self) { try await client.send("INCR", "n") }
                guard case .unknownOutcome = hung else {
                    Issue.record("\(String(describing: hung))")
                    return
                }
                server.resume()
                #expect(try await eventually { (try? await client.send("PING")) == .simple("PONG") })
                server.stop()
                let isRefused = try await eventually {
                    if case .notConnected = await thrownError(of: client) { true } else { false }
                }
                #expect(isRefused)
                #expect(!client.isConnected)
                try server.start()
                #expect(try await eventually { (try? await client.send("GET", "n")) == .null })
            }
        }
    }

    private func thrownError(of client: RedisClient) async -> RedisError? {
        do throws(RedisError) {
            _ = try await client.send("PING")
            return nil
        } catch { return error }
    }

    @Test func `passwords, users and databases are used; a refused password is not in the error`() async throws {
        try await TestRedis.withServer(arguments: { _, _ in
            ["--requirepass", "first secret", "--user", "alice", "on", ">second%secret", "~*", "&*", "+@all"]
        }) { server in
            func settings(_ text: String) throws -> RedisSettings { RedisSettings(address: try RedisAddress(text)) }
            let hostAndPort = "127.0.0.1:\(server.port)"
            try await withClient(try settings("redis://:first%20secret@\(hostAndPort)")) {
                let reply = try await $0.send("ACL", "WHOAMI").text
                #expect(reply == "default")
            }
            try await withClient(try settings("redis://alice:second%25secret@\(hostAndPort)/5")) { client in
                let reply = try await client.send("ACL", "WHOAMI").text
                #expect(reply == "alice")
                let usesDatabase = try await client.send("CLIENT", "INFO").text?.contains(" db=5 ")
                #expect(usesDatabase == true)
            }
            for wrong in [
                "redis://:wrongpass@\(hostAndPort)", "redis://bob:wrongpass@\(hostAndPort)", "redis://\(hostAndPort)",
                "redis://:first%20secret@\(hostAndPort)/4711",
            ] {
                try await withClient(try settings(wrong)) { client in
                    let error = await #expect(throws: RedisError.self) { try await client.send("GET", "x") }
                    guard case .notConnected(let reason) = error else {
                        Issue.record("\(String(describing: error))")
                        return
                    }
                    #expect(
                        reason.contains("refused") && !reason.contains("wrongpass") && !reason.contains("first secret"))
                }
            }
        }
    }

    @Test func `TLS connects to a server with a trusted certificate only`() async throws {
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
                    "--tls-cert-file", folder.appending(path: "certificate.pem").path, "--requirepass", "password",
                ]
            }
        ) { server in
            for host in ["localhost", "127.0.0.1"] {
                var settings = RedisSettings(address: try RedisAddress("rediss://:password@\(host):\(server.port)"))
                settings.certificateAuthority = server.folder.appending(path: "certificate.pem").path
                try await withClient(settings) { client in
                    let reply = try await client.send("ECHO", String(repeating: "secret ", count: 10_000)).text?.count
                    #expect(reply == 70_000)
                }
                settings.certificateAuthority = nil
                try await withClient(settings) { client in
                    let error = await #expect(throws: RedisError.self) { try await client.send("PING") }
                    guard case .notConnected = error else {
                        Issue.record("\(String(describing: error))")
                        return
                    }
                }
            }
        }
    }

    @Test func `published messages are received, also after a restart of the server`() async throws {
        try await TestRedis.withServer { server in
            var settings = RedisSettings(address: RedisAddress(host: "127.0.0.1", port: server.port))
            settings.backoff.longest = .milliseconds(50)
            let subscriber = RedisSubscriber(settings)
            let news = subscriber.subscribe(to: "news")
            let other = subscriber.subscribe(to: "other")
            var events = news.makeAsyncIterator()
            #expect(await events.next() == .subscribed)
            try await withClient(settings) { client in
                _ = try await client.send("PUBLISH", "news", "one")
                _ = try await client.send("PUBLISH", "elsewhere", "no subscriber")
                _ = try await client.send("PUBLISH", "news", "two")
                #expect(await events.next() == .message(ByteBuffer(string: "one")))
                #expect(await events.next() == .message(ByteBuffer(string: "two")))
                server.stop()
                try server.start()
                #expect(await events.next() == .subscribed, "messages may have been missed")
                #expect(
                    try await eventually {
                        (try? await client.send("PUBLISH", "news", "three")) == .integer(1)
                    })
                #expect(await events.next() == .message(ByteBuffer(string: "three")))
            }
            await subscriber.close()
            #expect(await events.next() == nil)
            var otherEvents = other.makeAsyncIterator()
            while let event = await otherEvents.next() { #expect(event == .subscribed) }
        }
    }
}
