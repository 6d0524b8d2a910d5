import Base
import Foundation
import NIOCore
import TestKit
import Testing

@testable import Web

@Suite("WebSocket") struct WebSocketTests {
    @Test func `any request of a connection may become a WebSocket`() async throws {
        try await withEcho { server in
            let client = try server.client()
            try await client.send("GET /before HTTP/1.1\r\nHost: x\r\n\r\n" + Self.upgrade())
            #expect(try await client.response().text == "GET /before ")
            let response = try await client.response()
            #expect(response.status == 101)
            #expect(response.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            #expect(response.headers["sec-websocket-extensions"] == nil)
            for word in ["hello", "again"] {
                try await client.send(Self.frame(0x81, word))
                #expect(try await client.bytes(7) == [0x81, 5] + Array(word.utf8))
            }
            try await client.send(Self.frame(0x88, [0x03, 0xE8]))
            #expect(try await client.bytes(4) == [0x88, 2, 0x03, 0xE8])
            #expect(try await client.countToEnd() == 0)
        }
    }

    @Test func `a malformed handshake is answered 400, another version of the protocol 426`() async throws {
        try await withEcho { server in
            for (fields, status) in [
                ("Sec-WebSocket-Version: 13\r\n", 400),
                ("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n", 400),
                ("Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 426),
            ] {
                let client = try server.client()
                try await client.send(
                    "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\(fields)\r\n")
                let response = try await client.response()
                #expect(response.status == status)
                #expect(response.headers["sec-websocket-version"] == (status == 426 ? "13" : nil))
                #expect(try await client.countToEnd() == 0)
            }
        }
    }

    @Test(
        arguments: [
            // An unmasked frame, a reserved bit, an unknown opcode, nothing to continue, a fragmented ping, a close
            // frame with one byte, and with a code that is never sent.
            ([0x81, 1, 0x61], 1002),
            (Self.frame(0xC1, "a"), 1002),
            (Self.frame(0x83, "a"), 1002),
            (Self.frame(0x80, "a"), 1002),
            (Self.frame(0x09, "a"), 1002),
            (Self.frame(0x88, [0x03]), 1002),
            (Self.frame(0x88, [0x03, 0xED]), 1002),
            // A message within another one.
            (Self.frame(0x01, "a") + Self.frame(0x81, "b"), 1002),
            // Overlong and incomplete UTF-8, and a surrogate in two fragments.
            (Self.frame(0x81, [0xC0, 0x80]), 1007),
            (Self.frame(0x81, [0xE2, 0x82]), 1007),
            (Self.frame(0x01, [0xED]) + Self.frame(0x00, [0xA0]), 1007),
            // A frame and fragments beyond the limit of 100 bytes.
            (Self.frame(0x82, [UInt8](repeating: 1, count: 120)), 1009),
            (
                Self.frame(0x02, [UInt8](repeating: 1, count: 60)) + Self.frame(0x80, [UInt8](repeating: 1, count: 60)),
                1009
            ),
            (Self.frame(0x82, [UInt8](repeating: 1, count: 30_000)), 1009),
        ] as [([UInt8], Int)])
    func `a violation of the protocol is answered with its close code`(frames: [UInt8], code: Int) async throws {
        try await withEcho(limits: { $0.webSocketMessageBytes = 100 }) { server in
            let client = try await Self.connected(server)
            try await client.send(frames)
            let head = try await client.bytes(4)
            #expect(head[0] == 0x88)
            #expect(Int(head[2]) << 8 | Int(head[3]) == code)
            _ = try await client.bytes(Int(head[1]) - 2)
            #expect(try await client.countToEnd() == 0)
        }
    }

    @Test func `fragments are joined, and pings within a message are answered`() async throws {
        try await withEcho { server in
            let client = try await Self.connected(server)
            // The character of three bytes is divided.
            try await client.send(
                Self.frame(0x01, [0xE2]) + Self.frame(0x89, "ping") + Self.frame(0x00, [0x82])
                    + Self.frame(0x80, [0xAC]))
            #expect(try await client.bytes(6) == [0x8A, 4] + Array("ping".utf8))
            #expect(try await client.bytes(5) == [0x81, 3, 0xE2, 0x82, 0xAC])
        }
    }

    @Test func `a message may have thousands of fragments`() async throws {
        try await withEcho { server in
            let client = try await Self.connected(server)
            let empty = (2..<WebSocketReader.fragmentsMax).flatMap { _ in Self.frame(0x00, "") }
            try await client.send(Self.frame(0x01, "a") + empty + Self.frame(0x80, "b"))
            #expect(try await client.bytes(4) == [0x81, 2] + Array("ab".utf8))
        }
    }

    /// Messages, pings and pongs.
    @Test(arguments: [0x81, 0x89, 0x8A] as [UInt8])
    func `a client that sends too many frames is disconnected`(first: UInt8) async throws {
        try await withEcho(
            limits: { limits in
                (limits.webSocketFramesAtOnce, limits.webSocketFramesPerSecond) = (50, 1)
                limits.webSocketCloseTimeout = .milliseconds(100)
            },
            use: { server in
                let client = try await Self.connected(server)
                try await client.send((0..<60).flatMap { _ in Self.frame(first, "") })
                var (head, answers) = (try await client.bytes(2), 0)
                while head[0] != 0x88 { (head, answers) = (try await client.bytes(2), answers + 1) }
                #expect(answers <= 50)
                #expect(try await client.bytes(2) == [0x03, 0xF0])
                #expect(try await eventually { server.openConnections == 0 })
            })
    }

    @Test func `the largest message is accepted, one byte more is not`() async throws {
        try await withEcho { server in
            let client = try await Self.connected(server)
            try await client.send(Self.frame(0x82, [UInt8](repeating: 7, count: 65_536)))
            let head = try await client.bytes(10)
            #expect(head == [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0])
            #expect(try await client.bytes(65_536).allSatisfy { $0 == 7 })
            try await client.send(Self.frame(0x82, [UInt8](repeating: 7, count: 65_537)))
            #expect(try await client.bytes(4).suffix(2) == [0x03, 0xF1])
        }
    }

    @Test func `a silent client gets pings, and is disconnected when it answers none`() async throws {
        try await withEcho(limits: { $0.webSocketIdleTimeout = .milliseconds(200) }) { server in
            let client = try await Self.connected(server)
            #expect(try await client.bytes(2) == [0x89, 0])
            #expect(try await eventually { server.openConnections == 0 })
        }
    }

    @Test func `the server closes WebSockets with 1001 when it stops`() async throws {
        try await withEcho { server in
            let client = try await Self.connected(server)
            try await client.send(Self.frame(0x81, "before"))
            #expect(try await client.bytes(8) == [0x81, 6] + Array("before".utf8))
            await server.shutDown()
            #expect(try await client.bytes(4).suffix(2) == [0x03, 0xE9])
            try await client.send(Self.frame(0x88, [0x03, 0xE9]))
            #expect(try await eventually { server.hasEnded })
        }
    }

    // MARK: Without a task

    @Test func `a WebSocket that no task serves is sent to, and the server waits for its end`() async throws {
        let (sockets, closed) = (AsyncStream.makeStream(of: WebSocket.self), Latch())
        try await withUnserved(onClose: { closed.open() }, begin: { sockets.continuation.yield($0) }) { server in
            let client = try await Self.connected(server)
            var iterator = sockets.stream.makeAsyncIterator()
            let socket = try #require(await iterator.next())
            #expect(try await eventually { server.openConnections == 1 })
            socket.execute {
                let sent = socket.sendAtOnce([WebSocketPayload(text: "one"), WebSocketPayload(text: "two")])
                precondition(sent == 2, "an empty socket takes everything")
            }
            #expect(try await client.bytes(10) == [0x81, 3] + Array("one".utf8) + [0x81, 3] + Array("two".utf8))
            // What the client sends is dropped, and its pings are answered.
            try await client.send(Self.frame(0x81, "dropped") + Self.frame(0x89, "p"))
            #expect(try await client.bytes(3) == [0x8A, 1, 0x70])
            await server.shutDown()
            #expect(try await client.bytes(4).suffix(2) == [0x03, 0xE9])
            await closed.wait()
            #expect(!server.hasEnded)
            try await client.send(Self.frame(0x88, [0x03, 0xE9]))
            #expect(try await eventually { server.hasEnded && server.openConnections == 0 })
        }
    }

    @Test func `a full socket takes what it can, and the rest is sent as the client reads`() async throws {
        // More than the kernel buffers of a client that does not read.
        let payloads = (0..<200).map { number in
            WebSocketPayload(binary: .init(repeating: UInt8(number), count: 60_000))
        }
        let counts = AsyncStream.makeStream(of: Int.self)
        try await withUnserved(
            begin: { socket in
                let sent = socket.sendAtOnce(payloads)
                counts.continuation.yield(sent)
                socket.run {
                    try? await socket.send(Array(payloads[sent...]))
                    socket.close(.normal)
                }
            },
            use: { server in
                let client = try await Self.connected(server)
                var iterator = counts.stream.makeAsyncIterator()
                let sent = try #require(await iterator.next())
                #expect(sent > 0 && sent < payloads.count)
                for number in 0..<payloads.count {
                    #expect(try await client.bytes(4) == [0x82, 126, 0xEA, 0x60])
                    #expect(try await client.bytes(60_000).allSatisfy { $0 == UInt8(number) })
                }
                #expect(try await client.bytes(4) == [0x88, 2, 0x03, 0xE8])
            })
    }

    @Test func `after the drain timeout WebSockets that no task serves are closed`() async throws {
        try await withUnserved(limits: { $0.drainTimeout = .milliseconds(100) }) { server in
            let client = try await Self.connected(server)
            await server.shutDown()
            #expect(try await client.bytes(4).suffix(2) == [0x03, 0xE9])
            // It does not answer the close frame.
            #expect(try await eventually { server.hasEnded && server.openConnections == 0 })
        }
    }

    @Test func `a client that sends nothing after its handshake leaves nothing behind`() async throws {
        let closed = Latch()
        try await withUnserved(onClose: { closed.open() }) { server in
            let client = try server.client()
            try await client.send(Self.upgrade())
            await client.finishSending()
            #expect(try await client.response().status == 101)
            #expect(try await client.countToEnd() == 0)
            await closed.wait()
            #expect(try await eventually { server.openConnections == 0 })
        }
    }

    // MARK: Compression

    @Test(
        arguments: [
            ("permessage-deflate", "permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
            (
                "x-webkit-deflate-frame, permessage-deflate; client_max_window_bits",
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
            ),
            (
                "permessage-deflate; server_max_window_bits=10",
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10"
            ),
            (
                "permessage-deflate; server_max_window_bits=8, permessage-deflate",
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
            ),
            ("permessage-deflate; server_max_window_bits", nil),
            ("permessage-deflate; server_max_window_bits=16", nil),
            ("permessage-deflate; unknown", nil),
            ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", nil),
            ("permessage-deflate; server_no_context_takeover=1", nil),
        ] as [(String, String?)])
    func `the first acceptable offer of compression is accepted`(offer: String, response: String?) {
        #expect(PermessageDeflate(offers: [offer])?.response == response)
    }

    @Test func `compressed messages are decompressed up to the limit, and answered compressed`() async throws {
        try await withEcho { server in
            for (count, isAccepted) in [(65_536, true), (65_537, false), (50 << 20, false)] {
                let client = try await Self.connected(server, offer: "permessage-deflate")
                let message = Deflater.compressed(.init(repeating: 0x61, count: count))
                try await client.send(Self.frame(0xC1, Array(message.readableBytesView)))
                let head = try await client.bytes(2)
                guard isAccepted else {
                    #expect(head[0] == 0x88)
                    #expect(try await client.bytes(2) == [0x03, 0xF1])
                    continue
                }
                #expect(head[0] == 0xC1)
                let answer = try await client.bytes(Int(head[1]))
                let text = try Inflater.decompressed(.init(bytes: answer), upTo: 65_536)
                #expect(text.readableBytes == count && text.readableBytesView.allSatisfy { $0 == 0x61 })
            }
        }
    }

    @Test(arguments: [[0xFF, 0xFF, 0xFF], [0x06, 0x01, 0x02]] as [[UInt8]])
    func `broken compression closes the WebSocket`(payload: [UInt8]) async throws {
        try await withEcho { server in
            let client = try await Self.connected(server, offer: "permessage-deflate")
            try await client.send(Self.frame(0xC2, payload))
            #expect(try await client.bytes(4).suffix(2) == [0x03, 0xEF])
        }
    }

    @Test func `messages survive compression with any window`() throws {
        var generator = SplitMix(seed: 4_711)
        for windowBits in Int32(9)...15 {
            let bytes = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 / 7 ^ Int(generator.next() % 5)) }
            let compressed = Deflater.compressed(.init(bytes: bytes), windowBits: windowBits)
            #expect(compressed.readableBytes < bytes.count)
            #expect(Array(try Inflater.decompressed(compressed, upTo: 20_000).readableBytesView) == bytes)
        }
    }

    // MARK: Another implementation

    private static let hasKosoku = (try? Python.run(["-c", "import kosoku"])) != nil

    /// Of the cases of compression, those up to 8 KiB: larger ones repeat them with more bytes than are accepted.
    @Test(
        .enabled(if: hasKosoku, "kosoku is not installed: set GATEHOUSE_PYTHON to an interpreter that has it."),
        arguments: [
            ["-x", "7.1.5", "-x", "9.*", "-x", "12.*", "-x", "13.*"],
            (1...5).flatMap { ["-i", "12.1.\($0)", "-i", "13.1.\($0)"] },
        ])
    func `the protocol test suite finds no failure`(selection: [String]) async throws {
        try await withEcho { server in
            let reports = FileManager.default.temporaryDirectory.appending(path: "kosoku-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: reports) }
            let program = "import sys; from kosoku._cli import main; sys.exit(main())"
            // The server needs the threads of the concurrency pool meanwhile.
            let pool = BlockingPool(name: "python", threads: 1, capacity: 1)
            let arguments =
                ["-c", program, "-m", "fuzzingclient", "-p", "4", "-o", reports.path] + selection
                + ["127.0.0.1:\(server.port)"]
            let output = try await pool.run { try Python.run(arguments) }
            #expect(String(decoding: output, as: UTF8.self).contains("cases passed"))
        }
    }

    // MARK: Client

    private static func connected(_ server: RunningServer, offer: String? = nil) async throws -> RawClient {
        let client = try server.client()
        try await client.send(upgrade(offer: offer))
        let response = try await client.response()
        #expect(response.status == 101)
        #expect((response.headers["sec-websocket-extensions"] == nil) == (offer == nil))
        return client
    }

    private static func upgrade(offer: String? = nil) -> String {
        """
        GET / HTTP/1.1\r
        Host: x\r
        Connection: keep-alive, Upgrade\r
        Upgrade: websocket\r
        Sec-WebSocket-Version: 13\r
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
        \(offer.map { "Sec-WebSocket-Extensions: \($0)\r\n" } ?? "")\r\n
        """
    }

    private static func frame(_ first: UInt8, _ text: String) -> [UInt8] { frame(first, Array(text.utf8)) }

    /// A masked frame.
    /// - Parameter first: the first byte: the end of the message, the reserved bits and the opcode.
    private static func frame(_ first: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let mask: [UInt8] = [1, 2, 3, 4]
        let count = payload.count
        let length: [UInt8] =
            switch count {
            case ...125: [0x80 | UInt8(count)]
            case ...0xFFFF: [0x80 | 126, UInt8(count >> 8), UInt8(count & 0xFF)]
            default: [0x80 | 127] + (0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }
            }
        return [first] + length + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }
}

/// A server whose WebSockets send messages back; other requests are answered as by ``ServerTests/echo(_:upTo:)``.
private func withEcho(
    limits change: (inout HTTPLimits) -> Void = { _ in }, use body: (RunningServer) async throws -> Void
) async throws {
    try await withServer(
        limits: change,
        respond: { request in
            do throws(Problem) {
                if let response = try EchoWebSocket.response(to: request) { return response }
                return await ServerTests.echo(request)
            } catch {
                return problemResponse(error)
            }
        }, use: body)
}

/// A server whose WebSockets no task serves.
private func withUnserved(
    limits change: (inout HTTPLimits) -> Void = { _ in }, onClose: @escaping @Sendable () -> Void = {},
    begin: @escaping @Sendable (WebSocket) -> Void = { _ in }, use body: (RunningServer) async throws -> Void
) async throws {
    try await withServer(
        limits: change,
        respond: { request in
            do throws(Problem) {
                guard let handshake = try EchoWebSocket.handshake(of: request) else {
                    return await ServerTests.echo(request)
                }
                return Response(WebSocketUpgrade(handshake, onClose: onClose, begin: begin))
            } catch {
                return problemResponse(error)
            }
        }, use: body)
}
