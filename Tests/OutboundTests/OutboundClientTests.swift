import NIOCore
import Outbound
import TestKit
import Testing

@Suite struct OutboundClientTests {
    private func failure(_ request: OutboundRequest, idle: Duration = .seconds(20)) async -> OutboundFailure? {
        var settings = OutboundClient.Settings()
        settings.idleTimeout = idle
        let client = OutboundClient(settings)
        do throws(OutboundFailure) {
            _ = try await client.send(request)
            await client.shutDown()
            return nil
        } catch {
            await client.shutDown()
            return error
        }
    }

    @Test func `a request has its fields and body, and its response is returned with any status`() async throws {
        let response = "HTTP/1.1 418 Teapot\r\nX-One: a\r\nx-one: b\r\nContent-Length: 4\r\n\r\nbody"
        try await ScriptedServer.with(.bytes(response)) { server in
            let client = OutboundClient()
            let response = try await client.send(
                OutboundRequest(
                    "PUT", server.url, headers: [(name: "X-Sent", value: "1"), (name: "X-Sent", value: "2")],
                    body: .bytes(Array("content".utf8))))
            #expect(response.status == 418)
            #expect(response[header: "X-ONE"] == "a")
            #expect(response.headers.filter { $0.name.lowercased() == "x-one" }.map(\.value) == ["a", "b"])
            #expect(response.body == Array("body".utf8))
            let request = try #require(server.requests.first)
            #expect(request.hasPrefix("PUT /path HTTP/1.1\r\n"))
            #expect(request.contains("X-Sent: 1\r\nX-Sent: 2\r\n"))
            #expect(request.lowercased().contains("content-length: 7\r\n"))
            #expect(request.lowercased().contains("host: 127.0.0.1:\(server.port)\r\n"))
            await client.shutDown()
        }
    }

    @Test func `a redirect is returned and not followed`() async throws {
        let response = "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"
        try await ScriptedServer.with(.bytes(response)) { server in
            let client = OutboundClient()
            let response = try await client.send(OutboundRequest("GET", server.url))
            #expect(response.status == 302)
            #expect(server.requests.count == 1)
            await client.shutDown()
        }
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n01234567890",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n5\r\n67890\r\n0\r\n\r\n",
    ])
    func `a body of the largest size is returned, and a longer one is refused`(response: String) async throws {
        try await ScriptedServer.with(.bytes(response)) { server in
            let client = OutboundClient()
            let request = OutboundRequest("GET", server.url, responseBytesMax: 11)
            let response = try await client.send(request)
            #expect(response.body == Array("01234567890".utf8))
            await client.shutDown()
            let failure = await failure(OutboundRequest("GET", server.url, responseBytesMax: 10))
            #expect(failure?.kind == .tooLarge)
            #expect(failure?.isUnconfirmed == true)
        }
    }

    @Test func `a body is read as it arrives, until the reader stops, the body ends or the service stalls`()
        async throws
    {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        var settings = OutboundClient.Settings()
        settings.idleTimeout = .milliseconds(100)
        for (rest, stops) in [("", true), ("0\r\n\r\n", false), ("", false)] {
            try await ScriptedServer.with(.bytes(head + "6\r\n012345\r\n" + rest)) { server in
                let client = OutboundClient(settings)
                let stream = try await client.open(OutboundRequest("GET", server.url))
                #expect(stream.status == 200)
                #expect(stream.headers.map(\.name) == ["Transfer-Encoding"])
                var text = ""
                var failure: OutboundFailure?
                do {
                    try await stream.read { chunk in
                        text += String(buffer: chunk)
                        return !stops
                    }
                } catch {
                    failure = error as? OutboundFailure
                }
                #expect(text == "012345")
                #expect(failure?.kind == (rest.isEmpty && !stops ? .timedOut : nil))
                await client.shutDown()
            }
        }
    }

    @Test func `a service that does not answer ends the request in time`() async throws {
        try await ScriptedServer.with(.ignore) { server in
            let request = OutboundRequest("GET", server.url, timeout: .milliseconds(100))
            #expect(await failure(request)?.kind == .timedOut)
            let patient = OutboundRequest("GET", server.url, timeout: .seconds(20))
            #expect(await failure(patient, idle: .milliseconds(100))?.kind == .timedOut)
        }
    }

    @Test func `a body that stalls ends the request`() async throws {
        try await ScriptedServer.with(.bytes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")) { server in
            let failure = await failure(OutboundRequest("GET", server.url), idle: .milliseconds(100))
            #expect(failure?.kind == .timedOut)
        }
    }

    @Test(arguments: [
        ScriptedServer.Action.close, .bytesAndClose("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
        .bytesAndClose("this is not HTTP\r\n\r\n"),
    ])
    func `a broken connection leaves open whether the service did what was asked`(_ action: ScriptedServer.Action)
        async throws
    {
        try await ScriptedServer.with(action) { server in
            let failure = await failure(OutboundRequest("POST", server.url, body: .bytes([1])))
            #expect(failure?.kind == .broken)
            #expect(failure?.isUnconfirmed == true)
        }
    }

    @Test func `a refused connection and an unknown name are unreachable, and nothing was sent`() async throws {
        var port = 0
        try await ScriptedServer.with(.ignore) { port = $0.port }
        for url in ["http://127.0.0.1:\(port)/", "http://name.invalid/"] {
            let failure = await failure(OutboundRequest("GET", url))
            #expect(failure?.kind == .unreachable)
            #expect(failure?.isUnconfirmed == false)
        }
    }

    @Test func `a cancelled task ends its request`() async throws {
        try await ScriptedServer.with(.ignore) { server in
            let url = server.url
            let task = Task { await failure(OutboundRequest("GET", url)) }
            while server.requests.isEmpty { await Task.yield() }
            task.cancel()
            #expect(await task.value?.kind == .cancelled)
        }
    }
}
