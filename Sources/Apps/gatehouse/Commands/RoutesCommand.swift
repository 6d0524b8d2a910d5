import App
import ArgumentParser
import Modules

struct RoutesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "routes",
        abstract: "List every door: its address, who may pass, and what it is for.",
        discussion: """
            Read off the code's own list of routes, which is also what answers, what is documented and what is tested. \
            Nothing is opened and no installation is touched.

            EXAMPLES
              gatehouse routes
              gatehouse routes --json | jq '.[] | select(.gate == ["public"]).path'
            """
    )

    @Flag(help: "As JSON, with the other spellings of each path.")
    var json = false

    func run() async throws {
        let routes = try await Scratch.withApp(\.routes)
        if json {
            Terminal.say(String(decoding: try JSONText.pretty(.array(routes.map(\.description))), as: UTF8.self))
        } else {
            let rows = routes.map { ["\($0.method)", $0.path, $0.gateNames.joined(separator: " "), $0.summary] }
            Text.table([["METHOD", "PATH", "WHO MAY PASS", "WHAT FOR"]] + rows).forEach { Terminal.say($0) }
        }
    }
}

extension Route {
    /// The requirements on the caller, without those that only read parameters.
    fileprivate var gateNames: [String] { gate.filter { !$0.readsInput }.map(\.tag) }

    fileprivate var description: JSONValue {
        [
            "method": .string("\(method)"), "path": .string(path), "aliases": .array(aliases.map { .string($0) }),
            "gate": .array(gateNames.map { .string($0) }), "summary": .string(summary),
        ]
    }
}
