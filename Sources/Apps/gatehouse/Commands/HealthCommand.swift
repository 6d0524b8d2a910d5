import App
import ArgumentParser
import Client
import Modules

struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Check whether the server of this installation answers.",
        discussion: """
            Sends GET /health to HOST and PORT, or to the socket of HOST, for health checks of containers. Nothing is \
            printed for a healthy server.

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
        let client = Client(baseURL: base, connections: 1, timeout: Self.timeMax)
        let response = try await attempt {
            try await client.get("/health")
        } finally: {
            await client.shutDown()
        }
        guard response.status == 200 else { throw Failure("\(base)/health answers \(response.status).") }
    }

    private func configuredURL() async throws -> String {
        let configuration = try await installation.load(listening.overrides)
        if configuration.host.hasPrefix("/") {
            // The scheme of the HTTP client for sockets: the path is the percent-encoded host.
            return "http+unix://\(configuration.host.replacing("/", with: "%2F"))"
        }
        guard configuration.port != 0 else {
            throw Failure("With PORT=0 the system chooses the port: name the server with --url.")
        }
        return configuration.address(port: configuration.port)
    }
}
