import AWS
import Base
package import Foundation
import Outbound

/// A server with the actions of EC2 and STS that Gatehouse uses: moto, in a process of its own. It checks signatures
/// and policies. All tests share the process; each uses a ``TestAWSAccount``.
package final class TestAWS: Sendable {
    /// Whether the interpreter has moto and its server.
    package static let isAvailable =
        (try? Python.run([
            "-c",
            """
            import importlib.util, sys
            sys.exit(not all(importlib.util.find_spec(name) for name in ("boto3", "flask_cors", "moto")))
            """,
        ])) != nil

    /// Real spot prices of us-east-1 from 2 March to 31 May 2021, which DescribeSpotPriceHistory returns.
    package static let pricesFile = Repository.url("Tests/Cases/aws/spot-prices.csv")

    private static let shared = Result { try TestAWS() }
    private let url: String
    private let outbound: OutboundClient
    /// The process ends when this pipe is closed.
    private let input = Pipe()

    private init() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [Python.command, "-c", Self.script, Self.pricesFile.path]
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        guard let line = String(data: output.fileHandleForReading.availableData, encoding: .utf8),
            let port = Int(line.filter(\.isNumber))
        else { throw NoServer() }
        url = "http://127.0.0.1:\(port)"
        // Tests that run at once do not wait for one another.
        var settings = OutboundClient.Settings()
        settings.connectionsPerHost = 256
        outbound = OutboundClient(settings)
    }

    package struct NoServer: Error {}

    /// New credentials on the shared server, which is started by the first call.
    package static func account() async throws -> TestAWSAccount {
        let server = try shared.get()
        let name = "test-\(UInt64.random(in: .min ... .max))"
        let keys = try await server.control("accounts", ["name": .string(name)])
        return TestAWSAccount(
            server: server,
            url: server.url,
            full: try Self.credentials(keys["full"]),
            reader: try Self.credentials(keys["reader"]),
            temporary: try Self.credentials(keys["temporary"]))
    }

    /// Changes or reads the state of the server itself.
    func control(_ path: String, _ value: JSONValue) async throws -> JSONValue {
        let response = try await outbound.send(
            OutboundRequest(
                "POST", "\(url)/_test/\(path)", body: .bytes(Array(try JSONEncoder().encode(value))),
                timeout: .seconds(60)))
        guard response.status == 200 else { throw NoServer() }
        return try JSONDecoder().decode(JSONValue.self, from: Data(response.body))
    }

    private static func credentials(_ value: JSONValue?) throws -> AWSCredentials {
        let parts = value?.array?.compactMap(\.string) ?? []
        guard parts.count >= 2 else { throw NoServer() }
        return try AWSCredentials(
            accessKeyID: parts[0], secretAccessKey: parts[1], sessionToken: parts.count > 2 ? parts[2] : nil)
    }
}
