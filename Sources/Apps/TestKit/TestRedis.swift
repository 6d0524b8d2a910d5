package import Foundation
import Synchronization

/// A Redis server of one test, which the test can stop and suspend.
package final class TestRedis: Sendable {
    /// The URL of the server in `GATEHOUSE_TEST_REDIS`, which all tests share with distinct keys.
    package static var sharedAddress: String? {
        ProcessInfo.processInfo.environment["GATEHOUSE_TEST_REDIS"].flatMap { $0.isEmpty ? nil : $0 }
    }
    /// Whether there is a shared server; `redis-server` is then installed.
    package static var isAvailable: Bool { sharedAddress != nil }

    package let port: Int
    /// The server's files; removed with it.
    package let folder: URL
    private let arguments: @Sendable (_ port: Int, _ folder: URL) -> [String]
    private let process = Mutex<Process?>(nil)

    private init(port: Int, folder: URL, arguments: @escaping @Sendable (Int, URL) -> [String]) {
        self.port = port
        self.folder = folder
        self.arguments = arguments
    }

    /// Runs `body` with a server on a free port, which is stopped afterwards, also after an error.
    /// - Parameters:
    ///   - prepare: writes files to the server's folder.
    ///   - arguments: added to the server's command line, after `--port`.
    package static func withServer(
        prepare: (URL) throws -> Void = { _ in },
        arguments: @escaping @Sendable (_ port: Int, _ folder: URL) -> [String] = { _, _ in [] },
        _ body: (TestRedis) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "gatehouse-redis-\(UUID().uuidString.lowercased())")
        try FileManager.default.createDirectory(
            at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(at: folder) }
        try prepare(folder)
        let server = TestRedis(port: try freePort(), folder: folder, arguments: arguments)
        defer { server.stop() }
        try server.start()
        try await body(server)
    }

    /// Starts the server on ``port``, and returns when it accepts connections.
    package func start() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "redis-server", "--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir",
            folder.path,
        ]
        process.arguments? += arguments(port, folder)
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        self.process.withLock { $0 = process }
        for _ in 0..<500 {
            if Self.accepts(port) { return }
            usleep(10_000)
        }
        throw NoServer()
    }

    /// Kills the server.
    package func stop() {
        process.withLock { process in
            guard let running = process else { return }
            kill(running.processIdentifier, SIGKILL)
            running.waitUntilExit()
            process = nil
        }
    }

    /// Suspends the server, with its connections open, until ``resume()``.
    package func suspend() { process.withLock { if let process = $0 { kill(process.processIdentifier, SIGSTOP) } } }
    package func resume() { process.withLock { if let process = $0 { kill(process.processIdentifier, SIGCONT) } } }

    package struct NoServer: Error {}

    /// A port below the system's range of ports for outgoing connections.
    package static func freePort() throws -> Int {
        for _ in 0..<100 {
            let port = Int.random(in: 20_000..<32_000)
            if !accepts(port) { return port }
        }
        throw NoServer()
    }

    private static func accepts(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        } == 0
    }
}
