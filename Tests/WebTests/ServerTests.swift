import Base
import Foundation
import HTTPTypes
import NIOCore
import ServiceLifecycle
import Synchronization
import TLS
import Telemetry
import TestKit
import Testing

@testable import Web

@Suite("HTTP server") struct ServerTests {
    // MARK: Malformed requests

    @Test(arguments: [
        "NONSENSE\r\n\r\n",
        "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "GET nowhere HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nNo colon\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ])
    func `what is not HTTP is answered 400 with a problem, and the connection ends`(request: String) async throws {
        try await withServer { request in
            await Self.echo(request)
        } use: { server in
            let client = try server.client()
            try await client.send(request)
            let response = try await client.response()
            #expect(response.status == 400)
            #expect(response.headers["content-type"] == "application/problem+json")
            #expect(response.headers["connection"] == "close")
            #expect(try await client.countToEnd() == 0)
        }
    }

    @Test func `a malformed request is answered after the requests before it`() async throws {
        try await withServer { request in
            await Self.echo(request)
        } use: { server in
            let client = try server.client()
            try await client.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nBROKEN\r\n\r\n")
            #expect(try await client.response().text == "GET /1 ")
            #expect(try await client.response().text == "GET /2 ")
            #expect(try await client.response().status == 400)
            #expect(try await client.countToEnd() == 0)
        }
    }

    @Test func `a header that is too large is answered 431, a target that is too long 414`() async throws {
        try await withServer { request in
            await Self.echo(request)
        } use: { server in
            let large = try server.client()
            try await large.send(
                "GET / HTTP/1.1\r\nHost: x\r\nX-Large: \(String(repeating: "a", count: 40 << 10))\r\n\r\n")
            #expect(try await large.response().status == 431)
            let many = try server.client()
            try await many.send("GET / HTTP/1.1\r\nHost: x\r\n\((0..<101).map { "X-\($0): y\r\n" }.joined())\r\n")
            #expect(try await many.response().status == 431)
            let long = try server.client()
            try await long.send("GET /\(String(repeating: "a", count: 9 << 10)) HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await long.response().status == 414)
        }
    }

    // MARK: Slow clients

    @Test func `a head that exceeds the header timeout is answered 408`() async throws {
        try await withServer(limits: { $0.headerTimeout = Duration.milliseconds(200) }) { request in
            await Self.echo(request)
        } use: { server in
            // On a busy machine even the first bytes may exceed the timeout; the connection is then closed without a
            // response.
            let isAnswered = try await eventually {
                let client = try server.client()
                do {
                    try await client.send("GET / HTTP/1.1\r\nHo")
                    guard try await client.response().status == 408 else { return false }
                } catch is RawClient.Failure {
                    return false
                }
                return try await client.countToEnd() == 0
            }
            #expect(isAnswered)
        }
    }

    @Test func `single bytes do not extend the header timeout`() async throws {
        try await withServer(limits: {
            ($0.headerTimeout, $0.lingerTimeout) = (Duration.seconds(3), Duration.milliseconds(100))
        }) { request in
            await Self.echo(request)
        } use: { server in
            let client = try server.client()
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response().status == 200)
            let trickle = Task {
                while true {
                    try await client.send("X")
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            defer { trickle.cancel() }
            #expect(await trickle.result.isFailure)
        }
    }

    @Test func `an idle connection is closed without a response`() async throws {
        try await withServer(limits: {
            ($0.headerTimeout, $0.idleTimeout) = (Duration.seconds(3), Duration.milliseconds(100))
        }) { request in
            await Self.echo(request)
        } use: { server in
            #expect(try await server.client().countToEnd() == 0)
            let client = try server.client()
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response().status == 200)
            #expect(try await client.countToEnd() == 0)
        }
    }

    @Test func `a body that exceeds the body read timeout is answered 408`() async throws {
        try await withServer(limits: { $0.bodyReadTimeout = Duration.milliseconds(100) }) { request in
            await Self.echo(request)
        } use: { server in
            let client = try server.client()
            try await client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
            #expect(try await client.response().status == 408)
        }
    }

    @Test func `the body read timeout does not run while the handler does not read`() async throws {
        let gate = Latch()
        try await withServer(limits: { $0.bodyReadTimeout = Duration.milliseconds(1_500) }) { request in
            await gate.wait()
            return await Self.echo(request)
        } use: { server in
            let client = try server.client()
            try await client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
            let started = ContinuousClock.now
            #expect(try await eventually { ContinuousClock.now - started > .seconds(2) })
            try await client.send("cd")
            gate.open()
            #expect(try await client.response().text == "POST / abcd")
        }
    }

    @Test func `a client that does not read its response is disconnected after the write timeout`() async throws {
        let file = try TemporaryFile(sparse: 64 << 20)
        try await withServer(limits: { $0.writeTimeout = Duration.milliseconds(200) }) { _ in
            Response(status: .ok, body: .file(path: file.path, range: 0..<(64 << 20)))
        } use: { server in
            let client = try server.client(receiveBuffer: 4 << 10)
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await eventually { server.openConnections == 1 })
            #expect(try await eventually { server.openConnections == 0 })
            let count = try? await client.countToEnd()
            #expect((count ?? 0) < 64 << 20)
        }
    }

    // MARK: Requests and responses

    @Test func `pipelined requests are answered in order`() async throws {
        try await withServer { request in
            await Self.echo(request)
        } use: { server in
            let client = try server.client()
            let requests = (0..<50).map { "POST /\($0) HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" }
            try await client.send(requests.joined())
            for number in 0..<50 { #expect(try await client.response().text == "POST /\(number) abc") }
        }
    }

    @Test func `a chunked body is read to its end`() async throws {
        try await withServer { request in
            await Self.echo(request)
        } use: { server in
            let client = try server.client()
            try await client.send(
                "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
            #expect(try await client.response().text == "POST / abcde")
            try await client.send("GET /next HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response().text == "GET /next ")
        }
    }

    @Test func `HEAD has the fields of GET and no body`() async throws {
        let file = try TemporaryFile(size: 1_000)
        try await withServer { request in
            request.head.path == "/file"
                ? Response(status: .ok, body: .file(path: file.path, range: 0..<1_000)) : await Self.echo(request)
        } use: { server in
            let client = try server.client()
            try await client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
            let response = try await client.response(toHead: true)
            #expect(response.status == 200)
            #expect(response.headers["content-length"] == "7")
            try await client.send("HEAD /file HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response(toHead: true).headers["content-length"] == "1000")
            try await client.send("GET /next HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response().text == "GET /next ")
        }
    }

    @Test(arguments: [204, 304]) func `a response with status 204 or 304 has no body`(status: Int) async throws {
        try await withServer { request in
            request.head.path == "/"
                ? Response(status: .init(code: status), body: .buffer(ByteBuffer(string: "no")))
                : await Self.echo(request)
        } use: { server in
            let client = try server.client()
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response(toHead: true).status == status)
            #expect(try await client.response().text == "GET /next ")
        }
    }

    @Test func `a response has Date and Content-Length`() async throws {
        try await withServer { request in
            await Self.echo(request)
        } use: { server in
            let client = try server.client()
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            let response = try await client.response()
            #expect(response.headers["content-length"] == "6")
            #expect(response.headers["date"]?.hasSuffix(" GMT") == true)
            #expect(response.headers["connection"] == nil)
        }
        #expect(HTTPDate.text(Instant(seconds: 784_111_777)) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(HTTPDate.text(Instant(seconds: 0)) == "Thu, 01 Jan 1970 00:00:00 GMT")
    }

    @Test(arguments: [
        ("1.1", "", true), ("1.1", "Connection: close\r\n", false), ("1.0", "", false),
        ("1.0", "Connection: keep-alive\r\n", true),
        ("1.1", "Connection: Upgrade\r\nUpgrade: h2c\r\n", false),
    ])
    func `a connection is kept alive by version and Connection field`(version: String, fields: String, isKept: Bool)
        async throws
    {
        try await withServer { request in
            await Self.echo(request)
        } use: { server in
            let client = try server.client()
            for _ in 0..<(isKept ? 3 : 1) {
                try await client.send("GET / HTTP/\(version)\r\nHost: x\r\n\(fields)\r\n")
                let response = try await client.response()
                #expect(response.text == "GET / ")
                #expect(response.headers["connection"] == (isKept ? (version == "1.0" ? "keep-alive" : nil) : "close"))
            }
            if !isKept { #expect(try await client.countToEnd() == 0) }
        }
    }

    @Test func `a request has the address of its client`() async throws {
        try await withServer { request in
            Response(text: request.peerAddress, mediaType: "text/plain")
        } use: { server in
            let client = try server.client()
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response().text == "127.0.0.1")
        }
    }

    @Test func `the server listens on a Unix socket`() async throws {
        let path = NSTemporaryDirectory() + "gatehouse-\(UUID().uuidString.prefix(8))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await withServer(host: path) { request in
            Response(text: request.peerAddress, mediaType: "text/plain")
        } use: { server in
            #expect(server.port == 0)
            let client = try RawClient(unixSocket: path)
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response().text == "unix")
        }
    }

    @Test func `a client that has closed its sending side receives the response`() async throws {
        try await withServer { request in
            await Self.echo(request)
        } use: { server in
            let client = try server.client()
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await client.finishSending()
            #expect(try await client.response().text == "GET / ")
            #expect(try await client.countToEnd() == 0)
        }
    }

    @Test func `a client that has closed its sending side receives a large response`() async throws {
        let size = 8 << 20
        try await withServer { _ in
            Response(status: .ok, body: .buffer(ByteBuffer(repeating: 7, count: size)))
        } use: { server in
            let client = try server.client(receiveBuffer: 64 << 10)
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            await client.finishSending()
            #expect(try await client.response().body.count == size)
        }
    }

    // MARK: Refused, unread and truncated bodies

    @Test func `100 Continue is sent when the handler reads the body, and not before`() async throws {
        let gate = Latch()
        try await withServer { request in
            await gate.wait()
            return await Self.echo(request)
        } use: { server in
            let client = try server.client()
            try await client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            #expect(try await eventually { gate.waitingCount == 1 })
            gate.open()
            #expect(try await client.response().status == 100)
            try await client.send("abc")
            #expect(try await client.response().text == "POST / abc")
            try await client.send("GET /next HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response().text == "GET /next ")
        }
    }

    @Test func `a request that is refused before its body is read gets no 100 Continue`() async throws {
        try await withServer { _ in
            Response(status: .unauthorized)
        } use: { server in
            let client = try server.client()
            try await client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            let response = try await client.response()
            #expect(response.status == 401)
            #expect(response.headers["connection"] == "close")
            #expect(try await client.countToEnd() == 0)
        }
    }

    @Test func `a client that is still sending receives an early 413`() async throws {
        try await withServer { request in
            await Self.echo(request, upTo: 1_000)
        } use: { server in
            let client = try server.client()
            let size = 20 << 20
            try await client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(size)\r\n\r\n")
            // The response is sent before the body is, and is not lost while the client sends all of it.
            try await client.send([UInt8](repeating: 1, count: size))
            let response = try await client.response()
            #expect(response.status == 413)
            #expect(response.headers["connection"] == "close")
            #expect(try await client.countToEnd() == 0)
        }
    }

    @Test func `a client that does not stop sending is disconnected after the linger limits`() async throws {
        try await withServer(limits: { $0.lingerBytes = 1 << 20 }) { request in
            await Self.echo(request, upTo: 1_000)
        } use: { server in
            let client = try server.client()
            try await client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
            #expect(try await client.response().status == 413)
            await #expect(throws: RawClient.Failure.self) {
                for _ in 0..<1_000 { try await client.send([UInt8](repeating: 1, count: 1 << 20)) }
            }
        }
        try await withServer(limits: { $0.lingerTimeout = Duration.milliseconds(100) }) { request in
            await Self.echo(request, upTo: 1_000)
        } use: { server in
            let client = try server.client()
            try await client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
            #expect(try await client.response().status == 413)
            #expect(try await eventually { server.openConnections == 0 })
        }
    }

    @Test func `a small unread body keeps the connection, a large one closes it`() async throws {
        try await withServer { _ in
            Response(status: .forbidden)
        } use: { server in
            let client = try server.client()
            for _ in 0..<3 {
                try await client.send(
                    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + String(repeating: "a", count: 1_000))
                let response = try await client.response()
                #expect(response.status == 403)
                #expect(response.headers["connection"] == nil)
            }
            try await client.send(
                "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            #expect(try await client.response().status == 403)
            try await client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
            #expect(try await client.response().headers["connection"] == "close")
        }
    }

    @Test func `a truncated body is answered 400`() async throws {
        try await withServer { request in
            await Self.echo(request)
        } use: { server in
            let client = try server.client()
            try await client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
            await client.finishSending()
            let response = try await client.response()
            #expect(response.status == 400)
            #expect(response.text.contains("The body ended before it was complete."))
        }
    }

    @Test func `a disconnect while the body is read ends the read with an error`() async throws {
        let seen = Mutex<(any Error)?>(nil)
        try await withServer { request in
            do { for try await _ in request.body {} } catch { seen.withLock { $0 = error } }
            return Response(status: .ok)
        } use: { server in
            var client: RawClient? = try server.client()
            try await client?.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
            #expect(try await eventually { server.openConnections == 1 })
            client = nil
            #expect(try await eventually { seen.withLock { $0 is IncomingBody.ReadFailure } })
            #expect(try await eventually { server.openConnections == 0 })
        }
    }

    @Test func `a body cannot be read after the response`() async throws {
        let body = Mutex<RequestBody?>(nil)
        try await withServer { request in
            body.withLock { $0 = request.body }
            return Response(status: .ok)
        } use: { server in
            let client = try server.client()
            try await client.send(
                "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response().status == 200)
            #expect(try await client.response().status == 200)
        }
        let left = try #require(body.withLock { $0 })
        #expect(try await left.collect(upTo: 10).readableBytes == 0)
    }

    // MARK: Streamed responses

    @Test func `a response of unknown length is chunked, and the connection is kept`() async throws {
        try await withServer { request in
            guard request.head.path == "/chunked" else { return await Self.echo(request) }
            return Response(
                status: .ok,
                body: .chunks {
                    var chunks = ["ab", "", "0123456789abcdefghij"][...]
                    return { chunks.popFirst().map { ByteBuffer(string: $0) } }
                })
        } use: { server in
            let client = try server.client()
            let wire = "2\r\nab\r\n14\r\n0123456789abcdefghij\r\n0\r\n\r\n"
            for _ in 0..<2 {
                try await client.send("GET /chunked HTTP/1.1\r\nHost: x\r\n\r\n")
                let head = try await client.response(toHead: true)
                #expect(head.headers["transfer-encoding"] == "chunked" && head.headers["content-length"] == nil)
                #expect(try await client.bytes(wire.utf8.count) == Array(wire.utf8))
            }
            // The response to HEAD has no body.
            try await client.send("HEAD /chunked HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response(toHead: true).status == 200)
            #expect(try await client.response().text == "GET / ")
            // HTTP/1.0 has no chunked coding: the end of the connection ends the body.
            let old = try server.client()
            try await old.send("GET /chunked HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            let head = try await old.response(toHead: true)
            #expect(head.headers["transfer-encoding"] == nil && head.headers["connection"] == "close")
            #expect(try await old.bytes(22) == Array("ab0123456789abcdefghij".utf8))
            #expect(try await old.countToEnd() == 0)
        }
    }

    @Test func `a streamed response that fails has no last chunk`() async throws {
        struct Broken: Error {}
        try await withServer { request in
            guard request.head.path == "/broken" else { return await Self.echo(request) }
            return Response(
                status: .ok,
                body: .chunks {
                    var isFirst = true
                    return {
                        guard isFirst else { throw Broken() }
                        isFirst = false
                        return ByteBuffer(string: "ab")
                    }
                })
        } use: { server in
            let client = try server.client()
            // The server waits for the second request, so it makes the response within the read.
            try await client.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response().status == 200)
            try await client.send("GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response(toHead: true).status == 200)
            #expect(try await client.countToEnd() == "2\r\nab\r\n".utf8.count)
        }
    }

    @Test func `a response in chunks learns of the end of the input, and is sent to a client that reads on`()
        async throws
    {
        let closed = Latch()
        try await withServer { _ in
            var response = Response(
                status: .ok,
                body: .chunks {
                    var rest = ["ab", "cd"]
                    return {
                        if rest.count == 1 { await closed.wait() }
                        return rest.isEmpty ? nil : ByteBuffer(string: rest.removeFirst())
                    }
                })
            response.onInputClosed = { closed.open() }
            return response
        } use: { server in
            let client = try server.client()
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response(toHead: true).status == 200)
            #expect(!closed.isOpen)
            await client.finishSending()
            #expect(try await client.countToEnd() == "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n".utf8.count)
        }
    }

    @Test func `a response in chunks learns of the end of its connection`() async throws {
        let closed = Latch()
        try await withServer { _ in
            var response = Response(
                status: .ok,
                body: .chunks {
                    var isFirst = true
                    return {
                        if !isFirst { await closed.wait() }
                        isFirst = false
                        return ByteBuffer(string: "ab")
                    }
                })
            response.onInputClosed = { closed.open() }
            return response
        } use: { server in
            var client: RawClient? = try server.client()
            try await client?.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client?.response(toHead: true).status == 200)
            client = nil
            #expect(try await eventually { server.openConnections == 0 })
        }
    }

    // MARK: Files

    @Test func `a file and a range of it arrive unchanged`() async throws {
        let file = try TemporaryFile(size: 3_000_000)
        let content = try #require(FileManager.default.contents(atPath: file.path))
        try await withServer { request in
            let range: Range<Int64> = request.head.path == "/part" ? 1_000..<700_001 : 0..<3_000_000
            return Response(status: .ok, body: .file(path: file.path, range: range))
        } use: { server in
            let client = try server.client()
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /part HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response().body == Array(content))
            #expect(try await client.response().body == Array(content[1_000..<700_001]))
        }
    }

    @Test func `a file that is missing or shorter than the range is answered 500`() async throws {
        let file = try TemporaryFile(size: 10)
        try await withServer { request in
            Response(
                status: .ok, body: .file(path: request.head.path == "/short" ? file.path : "/nowhere", range: 0..<11))
        } use: { server in
            let client = try server.client()
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /short HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response().status == 500)
            #expect(try await client.response().status == 500)
        }
    }

    @Test func `a large file for a slow client stays within bounded memory`() async throws {
        let size = 256 << 20
        let file = try TemporaryFile(sparse: size)
        try await withServer { _ in
            Response(status: .ok, body: .file(path: file.path, range: 0..<Int64(size)))
        } use: { server in
            // The bound allows for tests that run concurrently and is half the size of the file.
            let before = try residentBytes()
            let client = try server.client(receiveBuffer: 64 << 10)
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(try await client.response(toHead: true).status == 200)
            _ = try await client.bytes(1 << 20)
            #expect(try residentBytes() - before < 128 << 20)
            #expect(try await client.countToEnd() == size - (1 << 20))
            #expect(try residentBytes() - before < 128 << 20)
        }
    }

    // MARK: Shutdown

    @Test func `a shutdown completes requests under way and accepts no new ones`() async throws {
        let gate = Latch()
        try await withServer { request in
            if request.head.path == "/slow" { await gate.wait() }
            return await Self.echo(request)
        } use: { server in
            let idle = try server.client()
            try await idle.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            _ = try await idle.response()
            let busy = try server.client()
            try await busy.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await eventually { gate.waitingCount == 1 })
            await server.shutDown()
            #expect(try await idle.countToEnd() == 0)
            #expect(throws: RawClient.Failure.self) { try server.client() }
            gate.open()
            let response = try await busy.response()
            #expect(response.text == "GET /slow ")
            #expect(response.headers["connection"] == "close")
            #expect(try await busy.countToEnd() == 0)
            #expect(try await eventually { server.hasEnded })
        }
    }

    @Test func `a shutdown completes a response that is being sent`() async throws {
        let size = 16 << 20
        try await withServer { _ in
            Response(status: .ok, body: .buffer(ByteBuffer(repeating: 7, count: size)))
        } use: { server in
            let client = try server.client(receiveBuffer: 64 << 10)
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response(toHead: true).status == 200)
            await server.shutDown()
            #expect(try await client.countToEnd() == size)
            #expect(try await eventually { server.hasEnded })
        }
    }

    @Test func `after the drain timeout connections are closed and handlers cancelled`() async throws {
        let begun = Latch()
        try await withServer(limits: { $0.drainTimeout = Duration.milliseconds(100) }) { _ in
            begun.open()
            try? await Task.sleep(for: .seconds(3_600))
            return Response(status: .ok)
        } use: { server in
            let client = try server.client()
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await begun.wait()
            await server.shutDown()
            #expect(try await client.countToEnd() == 0)
            #expect(try await eventually { server.hasEnded })
        }
    }

    /// The method, the target and the body of the request.
    static func echo(_ request: IncomingRequest, upTo limit: Int = 1 << 20) async -> Response {
        do throws(Problem) {
            let body = try await request.body.collect(upTo: limit)
            return Response(
                text: "\(request.head.method) \(request.head.path ?? "") \(String(buffer: body))",
                mediaType: "text/plain")
        } catch {
            return problemResponse(error)
        }
    }
}

func problemResponse(_ problem: Problem) -> Response {
    var response = Response(
        status: .init(code: problem.kind.status), text: "\(problem)", mediaType: "application/problem+json")
    for (name, value) in problem.headers {
        if let name = HTTPField.Name(name) { response.headers[name] = value }
    }
    return response
}

// MARK: - Test server

/// A server on a port of its own.
struct RunningServer: Sendable {
    let server: HTTPServer
    let port: Int
    let group: ServiceGroup
    let end: Latch

    var openConnections: Int { server.openConnections }
    var hasEnded: Bool { end.isOpen }

    func client(receiveBuffer: CInt? = nil) throws -> RawClient {
        try RawClient(port: port, receiveBuffer: receiveBuffer)
    }
    func shutDown() async { await group.triggerGracefulShutdown() }
}

func withServer(
    host: String = "127.0.0.1",
    limits change: (inout HTTPLimits) -> Void = { _ in },
    tls: ServerTLS? = nil,
    proxies: TrustedProxies = .none,
    respond: @escaping @Sendable (IncomingRequest) async -> Response,
    use body: (RunningServer) async throws -> Void
) async throws {
    var limits = HTTPLimits()
    change(&limits)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    let server = HTTPServer(
        host: host,
        port: 0,
        limits: limits,
        tls: tls,
        proxies: proxies,
        logger: logger,
        malformed: { problemResponse($0.problem) },
        respond: respond,
        onRunning: { port.yield($0) }
    )
    let group = ServiceGroup(configuration: .init(services: [.init(service: server)], logger: logger))
    let end = Latch()
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
            defer { end.open() }
            try await group.run()
        }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        defer { tasks.cancelAll() }
        try await body(RunningServer(server: server, port: port, group: group, end: end))
    }
}

private func residentBytes() throws -> Int {
    let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
    return (Int(pages[1]) ?? 0) * 4_096
}

/// A file that is deleted with its last reference.
private final class TemporaryFile: Sendable {
    let path = NSTemporaryDirectory() + "gatehouse-\(UUID().uuidString)"

    /// Pseudo-random bytes.
    convenience init(size: Int) throws {
        try self.init(content: Data((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }))
    }

    /// A sparse file of zeros.
    convenience init(sparse size: Int) throws {
        try self.init(content: Data())
        guard truncate(path, off_t(size)) == 0 else { throw RawClient.Failure("truncate") }
    }

    private init(content: Data) throws { try content.write(to: URL(fileURLWithPath: path)) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

extension Result {
    fileprivate var isFailure: Bool { if case .failure = self { true } else { false } }
}
