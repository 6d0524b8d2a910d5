import App
import Base
import Foundation
import Modules
import TestKit
import Testing

/// The command `gatehouse health`, run as a process beside the server.
@Suite struct HealthCommandTests {
    @Test func `health exits with 0 while the server answers, and with 1 and one line otherwise`() async throws {
        try await withTestApp(.sqlite) { app in
            try await withServed(app) { port in
                let healthy = try await AuditCommandTests.run(
                    ["health", "--host", "0.0.0.0", "--port", "\(port)"], on: app)
                #expect(healthy.status == 0 && healthy.output.isEmpty && healthy.errors.isEmpty, "\(healthy)")
                let named = try await AuditCommandTests.run(["health", "--url", "http://127.0.0.1:\(port)/"], on: app)
                #expect(named.status == 0, "\(named)")
            }
            // A port that is bound, and whose listener accepts nothing, is a server that does not answer.
            try await Self.withSilentPort { port in
                let started = ContinuousClock.now
                let silent = try await AuditCommandTests.run(["health", "--port", "\(port)"], on: app)
                #expect(silent.status == 1 && silent.errors.split(separator: "\n").count == 1, "\(silent)")
                #expect(ContinuousClock.now - started < .seconds(10))
            }
        }
    }

    @Test func `health reaches a server by TLS, whatever its certificate is for`() async throws {
        try await TestCertificate.withFolder { folder in
            let (data, pair) = (folder.appending(path: "data"), try TestCertificate(in: folder))
            let settings = ["HOST": "0.0.0.0", "TLS_CERT": pair.certificate, "TLS_KEY": pair.key]
            let server = try await ServerProcess.start(
                folder: data, database: "sqlite:\(data.path())/gatehouse.db", environment: settings)
            defer { server.kill() }
            func health(_ arguments: [String], _ settings: [String: String]) async throws -> (Int32, String) {
                let command = try CommandProcess(
                    ["health"] + arguments, in: folder,
                    environment: ["PORT": "\(server.port)", "PATH": "/usr/bin:/bin"].merging(settings) { $1 })
                return (await command.exitStatus(), command.output)
            }
            let configured = try await health([], settings)
            #expect(configured.0 == 0 && configured.1.isEmpty, "\(configured)")
            let named = try await health(["--url", "https://localhost:\(server.port)"], [:])
            #expect(named.0 == 0 && named.1.isEmpty, "\(named)")
            // Elsewhere the certificate is verified. All of 127.0.0.0/8 leads to this machine.
            let elsewhere = try await health(["--url", "https://127.0.0.2:\(server.port)"], [:])
            #expect(elsewhere.0 == 1 && elsewhere.1.contains("CERTIFICATE_VERIFY_FAILED"), "\(elsewhere)")
            let plain = try await health([], [:])
            #expect(plain.0 == 1 && plain.1.contains("400"), "\(plain)")
        }
    }

    private static func withSilentPort(_ body: (Int) async throws -> Void) async throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 1) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        try #require(isListening)
        try await body(Int(UInt16(bigEndian: address.sin_port)))
    }
}
