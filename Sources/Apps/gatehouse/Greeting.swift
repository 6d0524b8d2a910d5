import App
import Foundation
import Modules

/// What a person who has just started the server wants to know.
struct Greeting {
    let configuration: Configuration
    let port: Int

    init(_ configuration: Configuration, port: Int) {
        self.configuration = configuration
        self.port = port
    }

    /// Standard output carries the log. Where that is JSON for a program, the greeting goes beside it; where nobody of flesh and blood
    /// looks at either, as in production, it is left out.
    func show() {
        let readsText = configuration.logFormat == .text
        guard readsText || Terminal.hasOutput || Terminal.hasErrors || configuration.environment != .production else {
            return
        }
        if readsText { Terminal.say(text) } else { Terminal.note(text) }
    }

    private var text: String {
        let places =
            socket.map { [["Socket", $0]] } ?? [
                ["API", "\(address)/v1"], ["Documents", "\(address)/docs"], ["Health", "\(address)/health"],
            ]
        let rows = places + [["Database", Shown.database(configuration.databaseURL)]]
        return """

            Gatehouse \(gatehouseVersion) is listening. Ctrl-C stops it.

            \(Text.table(rows, indent: "  ").joined(separator: "\n"))

            The first administrator, from another terminal:
              \(command) admin create --email you@example.org

            One line to try:
              curl -s \(curlAddress)/v1/auth/register -H 'Content-Type: application/json' -d '{"email":"me@example.org","password":"a-long-and-winding-road"}'

            """
    }

    private var address: String {
        switch configuration.host {
        case "0.0.0.0", "::", "127.0.0.1", "::1": "http://localhost:\(port)"
        case let host where host.contains(":"): "http://[\(host)]:\(port)"
        case let host: "http://\(host):\(port)"
        }
    }

    private var socket: String? { configuration.host.hasPrefix("/") ? configuration.host : nil }
    private var curlAddress: String { socket.map { "--unix-socket \($0) http://localhost" } ?? address }

    /// In a clone it is `./run` that knows how to build.
    private var command: String { FileManager.default.isExecutableFile(atPath: "run") ? "./run" : "gatehouse" }
}
