import App
import Foundation
import Modules

/// The addresses and first commands that `gatehouse serve` prints when it listens.
struct StartMessage {
    let configuration: Configuration
    let port: Int

    init(_ configuration: Configuration, port: Int) {
        self.configuration = configuration
        self.port = port
    }

    /// Prints to standard output where the log there is text, and to standard error where it is JSON. In production
    /// without a terminal nothing is printed.
    func show() {
        let isTextLog = configuration.logFormat == .text
        guard isTextLog || Terminal.hasOutput || Terminal.hasErrors || configuration.environment != .production else {
            return
        }
        if isTextLog { Terminal.print(text) } else { Terminal.printError(text) }
    }

    private var text: String {
        let addresses =
            socket.map { [["Socket", $0]] } ?? [
                ["API", "\(address)/v1"], ["Documentation", "\(address)/docs"], ["Health", "\(address)/health"],
            ]
        let rows = addresses + [["Database", configuration.databaseDescription]]
        return """

            Gatehouse \(gatehouseVersion) is running. Press Ctrl-C to stop it.

            \(Text.table(rows, indent: "  ").joined(separator: "\n"))

            Create the first administrator, from another terminal:
              \(command) admin create --email you@example.org

            Register an account:
              curl -s \(curlAddress)/v1/auth/register -H 'Content-Type: application/json' \\
                -d '{"email":"me@example.org","password":"a-long-and-winding-road"}'

            """
    }

    private var address: String { configuration.address(port: port) }
    private var socket: String? { configuration.host.hasPrefix("/") ? configuration.host : nil }
    private var curlAddress: String {
        socket.map { "--unix-socket \($0) \(configuration.scheme)://localhost" } ?? address
    }

    /// In a clone `./run` builds and runs the command.
    private var command: String { FileManager.default.isExecutableFile(atPath: "run") ? "./run" : "gatehouse" }
}
