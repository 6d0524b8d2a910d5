import App
import ArgumentParser
import Modules

struct OpenAPICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openapi",
        abstract: "Print the OpenAPI 3.1 document, as /openapi.json answers it.",
        discussion: """
            EXAMPLES
              gatehouse openapi > openapi.json
            """
    )

    func run() async throws {
        let text = try await Scratch.withApp { app in
            // The document does not describe its own door.
            OpenAPI(
                routes: app.routes.filter { $0.path != "/openapi.json" }, groups: documentGroups,
                version: gatehouseVersion
            ).text
        }
        Terminal.say(String(text.dropLast()))
    }
}
