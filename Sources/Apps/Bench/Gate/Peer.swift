import ArgumentParser
import Foundation

/// A server in another language or framework that is measured beside this one: `NAME=COMMAND`.
///
/// The command is run by the shell on the server's core, with two variables. Before it listens on 127.0.0.1:`PORT` it
/// writes access tokens to the file `TOKENS`, one a line. It answers `GET /health`; `GET /api/read` with one of the
/// tokens as a bearer, after a look at the account's role, subscription and quota; and `POST /api/consume`, which does
/// the same and takes one unit.
struct Peer: ExpressibleByArgument, Sendable {
    let name: String
    let command: String

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals > argument.startIndex else { return nil }
        name = String(argument[..<equals])
        command = String(argument[argument.index(after: equals)...])
        guard !command.isEmpty else { return nil }
    }

    /// - Parameter environment: further variables, such as the service that a proxy of the measurement of chat passes
    ///   requests on to.
    /// - Returns: the process; `exec` lets the process of the shell be that of the program, whose time is measured.
    func start(port: Int, tokens: URL, environment: [String: String] = [:], on affinity: Child.Affinity) throws -> Child
    {
        let own = ["PORT": "\(port)", "TOKENS": tokens.absoluteURL.path]
        return try Child(
            "/bin/sh", ["-c", "exec \(command)"], environment: environment.merging(own) { $1 }, on: affinity,
            error: FileHandle.nullDevice)
    }
}
