import Base
package import Foundation

/// A certificate for localhost and its key in two files, which `openssl` makes.
package struct TestCertificate: Sendable {
    /// The path of the certificate, which is its own authority.
    package let certificate: String
    /// The path of the key.
    package let key: String

    /// Makes a pair in the files `NAME.pem` and `NAME.key` of a folder, which replaces an earlier one.
    /// - Throws: ``Failure`` of `openssl`.
    package init(in folder: URL, named name: String = "server") throws {
        certificate = folder.appending(path: "\(name).pem").path()
        key = folder.appending(path: "\(name).key").path()
        try Self.openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=\(name)", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key,
            "-out", certificate,
        ])
    }

    package struct Failure: Error {
        package let output: String
    }

    /// Runs `openssl` without input.
    /// - Returns: what it prints, errors too.
    /// - Throws: ``Failure`` for another exit status than 0.
    @discardableResult
    package static func openssl(_ arguments: [String]) throws -> String {
        let file = FileManager.default.temporaryDirectory.appending(
            path: "openssl-\(Hex.encode(Runtime.system.randomBytes(8))).txt")
        defer { try? FileManager.default.removeItem(at: file) }
        _ = FileManager.default.createFile(atPath: file.path(), contents: nil)
        let output = try FileHandle(forWritingTo: file)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        process.waitUntilExit()
        let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        guard process.terminationStatus == 0 else { throw Failure(output: text) }
        return text
    }

    /// Runs `body` with a folder, which is removed afterwards.
    package static func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = try makeFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    /// A folder for certificates.
    package static func makeFolder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "gatehouse-tls-\(Hex.encode(Runtime.system.randomBytes(8)))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }
}
