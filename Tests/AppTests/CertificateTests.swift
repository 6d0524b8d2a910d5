import Base
import Client
import Foundation
import TestKit
import Testing

/// The settings `TLS_CERT` and `TLS_KEY`, of a server process.
@Suite struct CertificateTests {
    @Test(arguments: Engine.available)
    func `SIGHUP reloads the certificate while the server serves, and unusable files change nothing`(
        _ engine: Engine
    ) async throws {
        try await TestCertificate.withFolder { folder in
            try await withDatabasePlace(engine) { place in
                let first = try TestCertificate(in: folder)
                let server = try await ServerProcess.start(
                    folder: folder.appending(path: "data"), database: place.configurationURL,
                    environment: ["TLS_CERT": first.certificate, "TLS_KEY": first.key])
                defer { server.kill() }
                let fingerprint = try Self.fingerprint(of: first)
                #expect(try Self.fingerprint(servedBy: server) == fingerprint)
                let client = Client(baseURL: server.baseURL, connections: 1, verifiesCertificates: false)
                let response = try await client.get("/health")
                #expect(response.status == 200)
                #expect(response.headers.first { $0.name.lowercased() == "strict-transport-security" } != nil)

                let second = try TestCertificate(in: folder)
                server.send(SIGHUP)
                #expect(try await server.prints("the certificate of the server is reloaded"))
                let renewed = try Self.fingerprint(of: second)
                #expect(renewed != fingerprint)
                #expect(try Self.fingerprint(servedBy: server) == renewed)
                // Its connection was opened before.
                #expect(try await client.get("/health").status == 200)

                try Data().write(to: URL(filePath: second.key))
                server.send(SIGHUP)
                #expect(try await server.prints("the certificate of the server is not reloaded"))
                #expect(server.output.contains("server.key has no private key"))
                #expect(try Self.fingerprint(servedBy: server) == renewed)
                await client.shutDown()
                server.send(SIGTERM)
                #expect(await server.exitStatus() == 0)
            }
        }
    }

    @Test func `a start with files that cannot be used is refused before the database is made`() async throws {
        try await TestCertificate.withFolder { folder in
            let pair = try TestCertificate(in: folder)
            let other = try TestCertificate(in: folder, named: "other")
            for (settings, message) in [
                (["TLS_CERT": pair.certificate], "TLS_KEY: is required with TLS_CERT"),
                (["TLS_KEY": pair.key], "TLS_CERT: is required with TLS_KEY"),
                (["TLS_CERT": pair.certificate, "TLS_KEY": other.key], "TLS_KEY: \(other.key) is not the key"),
                (["TLS_CERT": "nowhere.pem", "TLS_KEY": pair.key], "TLS_CERT: nowhere.pem does not exist."),
                (
                    ["TLS_CERT": pair.certificate, "TLS_KEY": pair.key, "BASE_URL": "http://localhost"],
                    "BASE_URL: begins with https://"
                ),
            ] {
                let data = folder.appending(path: "data")
                let command = try CommandProcess(
                    ["serve"], in: folder,
                    environment: ["DATA_DIR": data.path(), "PORT": "0", "PATH": "/usr/bin:/bin"].merging(settings) {
                        $1
                    })
                #expect(await command.exitStatus() == 2)
                #expect(command.output.contains(message), "\(command.output)")
                #expect(!FileManager.default.fileExists(atPath: data.path()))
            }
        }
    }

    @Test func `SIGHUP ends no server without TLS whose output is no terminal`() async throws {
        try await TestCertificate.withFolder { folder in
            let data = folder.appending(path: "data")
            let server = try await ServerProcess.start(folder: data, database: "sqlite:\(data.path())/gatehouse.db")
            defer { server.kill() }
            server.send(SIGHUP)
            #expect(try await server.prints("SIGHUP has no effect"))
            let client = Client(baseURL: server.baseURL, connections: 1)
            #expect(try await client.get("/health").status == 200)
            await client.shutDown()
        }
    }

    private static func fingerprint(of pair: TestCertificate) throws -> String {
        try TestCertificate.openssl(["x509", "-in", pair.certificate, "-noout", "-fingerprint", "-sha256"])
    }

    private static func fingerprint(servedBy server: ServerProcess) throws -> String {
        let output = try TestCertificate.openssl(["s_client", "-connect", "127.0.0.1:\(server.port)"])
        let begin = try #require(output.range(of: "-----BEGIN CERTIFICATE-----"))
        let end = try #require(output.range(of: "-----END CERTIFICATE-----"))
        let file = FileManager.default.temporaryDirectory.appending(
            path: "served-\(Hex.encode(Runtime.system.randomBytes(8))).pem")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(output[begin.lowerBound..<end.upperBound].utf8).write(to: file)
        return try TestCertificate.openssl(["x509", "-in", file.path(), "-noout", "-fingerprint", "-sha256"])
    }
}
