import Base
import Foundation
import HTTPTypes
import NIOCore
import Synchronization
import TLS
import Telemetry
import TestKit
import Testing

@testable import Web

/// A server that encrypts its connections itself.
@Suite("TLS") struct TLSTests {
    // MARK: Requests

    @Test func `requests of a connection are answered by TLS, and know it`() async throws {
        try await withTLS { request in
            Response(text: "\(request.head.scheme ?? "") \(request.head.path ?? "")", mediaType: "text/plain")
        } use: { server, _ in
            try await TLSTunnel.with(server.port) { tunnel in
                let client = try tunnel.client()
                for path in ["/1", "/2"] {
                    try await client.send("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
                    #expect(try await client.response().text == "https \(path)")
                }
                try await client.send("GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                #expect(try await client.response().text == "https /3")
                #expect(try await client.countToEnd() == 0)
                #expect(try await eventually { tunnel.properEnds.count == 1 })
                #expect(try await eventually { server.openConnections == 0 })
            }
        }
    }

    @Test func `clients get TLS 1.2 or newer, ciphers with forward secrecy, and HTTP 1.1 by ALPN`() async throws {
        try await withTLS { request in
            await ServerTests.echo(request)
        } use: { server, _ in
            for version in ["-tls1_2", "-tls1_3"] {
                let output = try Self.connect(server, [version, "-alpn", "h2,http/1.1"])
                #expect(output.contains("ALPN protocol: http/1.1"), "\(output)")
            }
            for refused in [
                ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1_2", "-cipher", "AES128-GCM-SHA256"],
                ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"],
            ] {
                #expect(throws: TestCertificate.Failure.self, "\(refused)") { try Self.connect(server, refused) }
            }
        }
    }

    @Test func `a large file arrives as it is`() async throws {
        try await TestCertificate.withFolder { folder in
            let file = folder.appending(path: "large")
            let block = Data(Runtime.system.randomBytes(1 << 20))
            let content = (0..<20).reduce(into: Data()) { $0 += block + [UInt8($1)] }
            try content.write(to: file)
            try await withTLS { _ in
                Response(status: .ok, body: .file(path: file.path(), range: 0..<Int64(content.count)))
            } use: { server, _ in
                try await TLSTunnel.with(server.port) { tunnel in
                    let client = try tunnel.client()
                    try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    let isSame = Data(try await client.response().body) == content
                    #expect(isSame)
                }
            }
        }
    }

    @Test func `a large body arrives as it is`() async throws {
        let size = 4 << 20
        try await withTLS { request in
            do throws(Problem) {
                let body = try await request.body.collect(upTo: size)
                let isWhole = body.readableBytes == size && String(buffer: body) == String(repeating: "7", count: size)
                return Response(text: "\(isWhole)", mediaType: "text/plain")
            } catch {
                return problemResponse(error)
            }
        } use: { server, _ in
            try await TLSTunnel.with(server.port) { tunnel in
                let client = try tunnel.client()
                try await client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(size)\r\n\r\n")
                try await client.send([UInt8](repeating: UInt8(ascii: "7"), count: size))
                #expect(try await client.response().text == "true")
            }
        }
    }

    @Test func `a streamed response arrives chunk by chunk`() async throws {
        let gate = Latch()
        try await withTLS { _ in
            Response(
                status: .ok,
                body: .chunks {
                    var chunks = ["ab", "cd"][...]
                    return {
                        if chunks.count == 1 { await gate.wait() }
                        return chunks.popFirst().map { ByteBuffer(string: $0) }
                    }
                })
        } use: { server, _ in
            try await TLSTunnel.with(server.port) { tunnel in
                let client = try tunnel.client()
                try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try await client.response(toHead: true).status == 200)
                #expect(try await client.bytes(7) == Array("2\r\nab\r\n".utf8))
                gate.open()
                #expect(try await client.bytes(12) == Array("2\r\ncd\r\n0\r\n\r\n".utf8))
            }
        }
    }

    @Test func `a WebSocket carries messages both ways, and is closed`() async throws {
        try await withTLS(limits: { $0.webSocketCloseTimeout = Duration.milliseconds(100) }) { request in
            do throws(Problem) {
                return try EchoWebSocket.response(to: request) ?? Response(status: .notFound)
            } catch {
                return problemResponse(error)
            }
        } use: { server, _ in
            try await TLSTunnel.with(server.port) { tunnel in
                let client = try WebSocketClient(port: tunnel.port)
                #expect(try await client.open("/") == 101)
                for size in [5, 60_000] {
                    let message = [UInt8](repeating: 97, count: size)
                    try await client.send(message)
                    let echo = try await client.frame()
                    #expect(echo.payload.count == size && echo.opcode == 1)
                }
                try await client.close(1000)
                #expect(try await client.frame().code == 1000)
                #expect(try await eventually { server.openConnections == 0 })
            }
        }
    }

    @Test func `a client that ends its output without close_notify still gets its response`() async throws {
        let (begun, gate) = (Latch(), Latch())
        try await withTLS { request in
            begun.open()
            await gate.wait()
            return await ServerTests.echo(request)
        } use: { server, _ in
            try await TLSTunnel.with(server.port) { tunnel in
                let client = try tunnel.client()
                try await client.send("GET /late HTTP/1.1\r\nHost: x\r\n\r\n")
                await begun.wait()
                tunnel.isMute.isSet = true
                await client.finishSending()
                // The end of the input and the response race; both orders have to work.
                gate.open()
                #expect(try await client.response().text == "GET /late ")
                #expect(try await eventually { server.openConnections == 0 })
            }
        }
    }

    @Test func `a graceful shutdown answers what is under way, and ends with close_notify`() async throws {
        let (begun, gate) = (Latch(), Latch())
        try await withTLS { request in
            if request.head.path == "/slow" {
                begun.open()
                await gate.wait()
            }
            return await ServerTests.echo(request)
        } use: { server, _ in
            try await TLSTunnel.with(server.port) { tunnel in
                let (idle, busy) = (try tunnel.client(), try tunnel.client())
                try await idle.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try await idle.response().status == 200)
                try await busy.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
                await begun.wait()
                // Without a handshake: the shutdown does not wait for it.
                let silent = try server.client()
                #expect(try await eventually { server.openConnections == 3 })
                await server.shutDown()
                #expect(try await idle.countToEnd() == 0)
                #expect(try await silent.countToEnd() == 0)
                gate.open()
                #expect(try await busy.response().text == "GET /slow ")
                #expect(try await busy.countToEnd() == 0)
                #expect(try await eventually { server.hasEnded && tunnel.properEnds.count == 2 })
            }
        }
    }

    // MARK: Handshakes

    @Test func `a request without TLS is answered 400 with what to do, and the connection ends`() async throws {
        try await withTLS { request in
            await ServerTests.echo(request)
        } use: { server, fixture in
            let client = try server.client()
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            let response = try await client.response()
            #expect(response.status == 400 && response.text.contains("https://"), "\(response.text)")
            #expect(try await client.countToEnd() == 0)
            #expect(fixture.failures("plain_http") == 1)
        }
    }

    @Test func `what is neither TLS nor HTTP ends the connection`() async throws {
        try await withTLS { request in
            await ServerTests.echo(request)
        } use: { server, fixture in
            let client = try server.client()
            try await client.send([UInt8](repeating: 0, count: 100))
            _ = try? await client.countToEnd()
            #expect(try await eventually { server.openConnections == 0 })
            #expect(fixture.failures("refused") == 1)
        }
    }

    @Test func `a slow handshake is ended, and a connection that sends nothing`() async throws {
        try await withTLS(limits: {
            ($0.handshakeTimeout, $0.headerTimeout) = (Duration.milliseconds(200), Duration.seconds(3_600))
        }) { request in
            await ServerTests.echo(request)
        } use: { server, fixture in
            // The beginning of a record of a handshake.
            let slow = try server.client()
            try await slow.send([22, 3, 1, 2])
            #expect(try await slow.countToEnd() == 0)
            let silent = try server.client()
            #expect(try await silent.countToEnd() == 0)
            #expect(try await eventually { server.openConnections == 0 })
            #expect(fixture.failures("timeout") == 1)
        }
    }

    @Test func `a handshake of too many bytes is ended`() async throws {
        try await withTLS(limits: {
            ($0.handshakeTimeout, $0.headerTimeout) = (Duration.seconds(3_600), Duration.seconds(3_600))
            $0.handshakeBytes = 100
        }) { request in
            await ServerTests.echo(request)
        } use: { server, fixture in
            // A record of 16 KiB that arrives slowly.
            let client = try server.client()
            try await client.send([22, 3, 1, 0x40, 0])
            let trickle = Task {
                while true {
                    try await client.send([UInt8](repeating: 1, count: 50))
                    try await Task.sleep(for: .milliseconds(10))
                }
            }
            defer { trickle.cancel() }
            let result = await trickle.result
            #expect(throws: RawClient.Failure.self) { try result.get() }
            #expect(fixture.failures("bytes") == 1)
        }
    }

    @Test func `handshakes count in the limit of connections, and a health check beyond it is answered`() async throws {
        try await withTLS(limits: {
            ($0.connectionsPerNetwork, $0.restrictedHeaderTimeout) = (1, Duration.seconds(20))
        }) { request in
            await ServerTests.echo(request)
        } use: { server, _ in
            let handshaking = try server.client()
            try await handshaking.send([22])
            #expect(try await eventually { server.openConnections == 1 })
            try await TLSTunnel.with(server.port) { tunnel in
                for (path, status) in [("/", 503), ("/health", 200)] {
                    let client = try tunnel.client()
                    try await client.send("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
                    #expect(try await client.response().status == status)
                }
            }
        }
    }

    // MARK: Certificates

    @Test func `a reload gives new connections the new certificate, and open ones go on`() async throws {
        try await withTLS { request in
            await ServerTests.echo(request)
        } use: { server, fixture in
            let old = fixture.folder.appending(path: "old.pem")
            try FileManager.default.copyItem(at: URL(filePath: fixture.pair.certificate), to: old)
            try await TLSTunnel.with(server.port, trusting: old.path()) { tunnel in
                let open = try tunnel.client()
                try await open.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try await open.response().text == "GET /1 ")

                let new = try TestCertificate(in: fixture.folder)
                let isReloaded = await fixture.tls.reload()
                #expect(isReloaded)
                try await open.send("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try await open.response().text == "GET /2 ")
                let another = try tunnel.client()
                try? await another.send("GET /3 HTTP/1.1\r\nHost: x\r\n\r\n")
                await #expect(throws: RawClient.Failure.self) { try await another.response() }
                try await Self.expectServed(server, trusting: new.certificate)

                // The key of another certificate: the pair in use stays.
                let trusted = fixture.folder.appending(path: "trusted.pem")
                try FileManager.default.copyItem(at: URL(filePath: new.certificate), to: trusted)
                try TestCertificate.openssl(["genpkey", "-algorithm", "ED25519", "-out", new.key])
                let isReloadedAgain = await fixture.tls.reload()
                #expect(!isReloadedAgain)
                try await Self.expectServed(server, trusting: trusted.path())
                let errors = fixture.log.lines.filter { $0.contains("send SIGHUP again") }
                #expect(errors.count == 1 && errors[0].contains("server.key"), "\(fixture.log.lines)")
            }
        }
    }

    @Test func `files that cannot be used are refused by name`() async throws {
        try await TestCertificate.withFolder { folder in
            let (pair, other) = (try TestCertificate(in: folder), try TestCertificate(in: folder, named: "other"))
            let encrypted = folder.appending(path: "encrypted.key").path()
            try TestCertificate.openssl([
                "pkey", "-in", pair.key, "-aes256", "-passout", "pass:secret", "-out", encrypted,
            ])
            let (empty, damaged) = (folder.appending(path: "empty").path(), folder.appending(path: "damaged").path())
            try Data().write(to: URL(filePath: empty))
            try Data("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8).write(
                to: URL(filePath: damaged))
            let refused = try ["ed25519", "rsa:1024"].map { kind in
                let file = folder.appending(path: "\(kind.prefix(3)).pem").path()
                try TestCertificate.openssl([
                    "req", "-x509", "-newkey", kind, "-nodes", "-subj", "/CN=localhost", "-keyout", "\(file).key",
                    "-out", file,
                ])
                return file
            }
            let missing = folder.appending(path: "missing").path()
            for (certificate, key, file, words) in [
                (missing, pair.key, CertificateFault.File.certificate, "missing does not exist"),
                (folder.path(), pair.key, .certificate, "not a regular file"),
                (empty, pair.key, .certificate, "empty has no certificate in PEM"),
                (pair.key, pair.key, .certificate, "server.key has no certificate in PEM"),
                (damaged, pair.key, .certificate, "damaged has a certificate that is damaged"),
                (refused[0], "\(refused[0]).key", .certificate, "a key that browsers refuse"),
                (refused[1], "\(refused[1]).key", .certificate, "a key that browsers refuse"),
                (pair.certificate, missing, .key, "missing does not exist"),
                (pair.certificate, pair.certificate, .key, "server.pem has no private key in PEM"),
                (pair.certificate, encrypted, .key, "encrypted with a passphrase"),
                (pair.certificate, other.key, .key, "other.key is not the key of the first certificate"),
            ] {
                let fault = #expect(throws: CertificateFault.self) {
                    try CertificateFiles(certificate: certificate, key: key).read()
                }
                #expect(
                    fault?.file == file && fault?.description.contains(words) == true, "\(String(describing: fault))")
            }
        }
    }

    @Test func `a key that everyone can read and an expired certificate are logged`() async throws {
        try await TestCertificate.withFolder { folder in
            let pair = try TestCertificate(in: folder)
            let log = LogOutput(keepsLines: true)
            let logger = Logger(label: "test") { LineLogHandler(label: $0, format: .json, level: .info, output: log) }
            let files = CertificateFiles(certificate: pair.certificate, key: pair.key)
            func load(at now: Instant, mode: Int) throws -> String {
                try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: pair.key)
                let before = log.lines.count
                _ = try ServerTLS(files, metrics: Metrics(), logger: logger, now: { now })
                return log.lines[before...].joined()
            }
            let now = Runtime.system.now()
            #expect(try load(at: now, mode: 0o640) == "")
            #expect(try load(at: now, mode: 0o644).contains("chmod o-r"))
            #expect(try load(at: now + .days(3), mode: 0o600).contains("has expired"))
            #expect(try load(at: now - .days(1), mode: 0o600).contains("is not yet valid"))
        }
    }

    @Test func `every response says that browsers use TLS alone, where TLS is served`() async throws {
        for isSent in [true, false] {
            let dispatcher = RequestDispatcher(
                routes: [], corsOrigins: [], sendsStrictTransport: isSent, metrics: Metrics(),
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, runtime: .system)
            let head = HTTPRequest(method: .get, scheme: "https", authority: "localhost", path: "/nowhere")
            let response = await dispatcher.respond(to: head, body: .empty, address: "192.0.2.9")
            #expect(response.headers[.strictTransportSecurity] == (isSent ? "max-age=31536000" : nil))
            let refusal = dispatcher.refuse(HTTPError.malformed.problem)
            #expect(refusal.headers[.strictTransportSecurity] == (isSent ? "max-age=31536000" : nil))
        }
    }

    // MARK: Helpers

    /// Whether a new connection gets this certificate.
    private static func expectServed(_ server: RunningServer, trusting certificate: String) async throws {
        try await TLSTunnel.with(server.port, trusting: certificate) { tunnel in
            let client = try tunnel.client()
            try await client.send("GET /new HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.response().text == "GET /new ")
        }
    }

    /// Does a handshake and ends the connection.
    /// - Throws: where the handshake fails.
    @discardableResult
    private static func connect(_ server: RunningServer, _ options: [String]) throws -> String {
        try TestCertificate.openssl(["s_client", "-connect", "127.0.0.1:\(server.port)"] + options)
    }
}

/// The certificate of a server, and what it records.
private struct TLSFixture: Sendable {
    let folder: URL
    let pair: TestCertificate
    let tls: ServerTLS
    let metrics = Metrics()
    let log = LogOutput(keepsLines: true)

    init(in folder: URL) throws {
        self.folder = folder
        pair = try TestCertificate(in: folder)
        let log = log
        tls = try ServerTLS(
            CertificateFiles(certificate: pair.certificate, key: pair.key), metrics: metrics,
            logger: Logger(label: "test") { LineLogHandler(label: $0, format: .json, level: .info, output: log) },
            now: Runtime.system.now)
    }

    /// Handshakes that did not complete.
    func failures(_ reason: String) -> Int {
        let series = "gatehouse_tls_handshake_failures_total{reason=\"\(reason)\"} "
        let line = metrics.exposition.split(separator: "\n").first { $0.hasPrefix(series) }
        return line.flatMap { Int($0.dropFirst(series.count)) } ?? 0
    }
}

private func withTLS(
    limits change: (inout HTTPLimits) -> Void = { _ in },
    respond: @escaping @Sendable (IncomingRequest) async -> Response,
    use body: (RunningServer, TLSFixture) async throws -> Void
) async throws {
    let folder = try TestCertificate.makeFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let fixture = try TLSFixture(in: folder)
    try await withServer(limits: change, tls: fixture.tls, respond: respond) { server in
        try await body(server, fixture)
    }
}
