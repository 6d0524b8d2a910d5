import App
import ArgumentParser
import Modules

struct RoutesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "routes",
        abstract: "List every route with its gate and its summary.",
        discussion: """
            The list is the one that serves requests and generates the OpenAPI document. The command uses a temporary \
            database and no installation.

            EXAMPLES
              gatehouse routes
              gatehouse routes --json | jq '.[] | select(.gate == ["public"]).path'
            """
    )

    @Flag(help: "Print JSON, with the aliases of each path.")
    var json = false

    func run() async throws {
        let routes = try await App.withTemporary(\.routes)
        if json {
            Terminal.print(try JSONValue.array(routes.map(\.description)).formatted())
        } else {
            let rows = routes.map { ["\($0.method)", $0.path, $0.gateNames.joined(separator: " "), $0.summary] }
            Text.table([["METHOD", "PATH", "GATE", "SUMMARY"]] + rows).forEach { Terminal.print($0) }
        }
    }
}

extension Route {
    /// The requirements without those that only decode parameters or the body.
    fileprivate var gateNames: [String] { gate.filter { !$0.readsInput }.map(\.tag) }

    fileprivate var description: JSONValue {
        [
            "method": .string("\(method)"), "path": .string(path), "aliases": .array(aliases.map { .string($0) }),
            "gate": .array(gateNames.map { .string($0) }), "summary": .string(summary),
        ]
    }
}
