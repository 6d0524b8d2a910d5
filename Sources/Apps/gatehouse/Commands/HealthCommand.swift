import App
import ArgumentParser
import Client
import Foundation
import Modules

struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Check whether the server of this installation answers.",
        discussion: """
            Sends GET /health to HOST and PORT, or to the socket of HOST, for health checks of containers. Nothing is \
            printed for a healthy server. With TLS_CERT it is sent by TLS, and any certificate is accepted: it is for \
            the name of the service, not for this address, and nothing secret is sent. With --url https://… the \
            certificate is verified, except on localhost.

            EXIT STATUS
              0   the server answers
              1   it does not, within 2 seconds
              2   the configuration cannot be used

            EXAMPLES
              gatehouse health
              gatehouse health --url http://127.0.0.1:9000
            """
    )

    @Option(help: "The URL of the server instead of the configured address.")
    var url: String?

    @OptionGroup var listening: ListeningOptions
    @OptionGroup var installation: InstallationOptions

    private static let timeMax = Duration.seconds(2)

    func run() async throws {
        let base = if let url { url } else { try await configuredURL() }
        let client = Client(
            baseURL: base, connections: 1, timeout: Self.timeMax,
            verifiesCertificates: url.map { !Self.isLocal($0) } ?? false)
        let response = try await attempt {
            try await client.get("/health")
        } finally: {
            await client.shutDown()
        }
        guard response.status == 200 else { throw Failure("\(base)/health answers \(response.status).") }
    }

    private static func isLocal(_ url: String) -> Bool {
        ["localhost", "127.0.0.1", "[::1]", "::1"].contains(URLComponents(string: url)?.host)
    }

    private func configuredURL() async throws -> String {
        let configuration = try await installation.load(listening.overrides)
        if configuration.host.hasPrefix("/") {
            // The scheme of the HTTP client for sockets: the path is the percent-encoded host.
            return "\(configuration.scheme)+unix://\(configuration.host.replacing("/", with: "%2F"))"
        }
        guard configuration.port != 0 else {
            throw Failure("With PORT=0 the system chooses the port: name the server with --url.")
        }
        return configuration.address(port: configuration.port)
    }
}
