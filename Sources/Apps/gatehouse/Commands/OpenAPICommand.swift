import App
import ArgumentParser
import Modules

struct OpenAPICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openapi",
        abstract: "Print the OpenAPI 3.1 document that /openapi.json serves.",
        discussion: """
            EXAMPLES
              gatehouse openapi > openapi.json
            """
    )

    func run() async throws {
        let text = try await App.withTemporary { app in
            // The document does not describe its own route.
            OpenAPI(
                routes: app.routes.filter { $0.path != "/openapi.json" }, groups: documentGroups,
                version: gatehouseVersion
            ).text
        }
        Terminal.print(String(text.dropLast()))
    }
}
