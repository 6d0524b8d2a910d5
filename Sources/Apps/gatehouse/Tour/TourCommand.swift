import App
import ArgumentParser
import Client
import Foundation

struct TourCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tour",
        abstract: "Show what Gatehouse does, on a server that is thrown away afterwards.",
        discussion: """
            Starts a server of its own, with a database of its own, and walks through it from outside: an account, a plan, real data, \
            datasets, two models, and the refusals on the way. Each step is printed as it happens. It ends with status 1 at the first \
            answer that differs from what is expected, and touches no installation: in PostgreSQL it works in a schema of its own, which \
            it drops in the end.

            EXAMPLES
              gatehouse tour
              gatehouse tour --picture forecast.svg --verbose
              gatehouse tour --database postgresql://gatehouse@127.0.0.1/postgres
            """
    )

    @Option(
        name: .customLong("database"),
        help: ArgumentHelp(
            "A PostgreSQL database to use instead of SQLite; its user may create schemas.", valueName: "url")
    )
    var databaseURL: String?

    @Option(help: ArgumentHelp("Where to save the picture of the forecast: a .png or .svg file.", valueName: "file"))
    var picture = "forecast.png"

    @Option(help: ArgumentHelp("The port of the server; by default the system chooses a free one.", valueName: "port"))
    var port = 0

    @Option(
        help: ArgumentHelp(
            "The folder with seattle-temps.csv and sf-temps.csv; found by itself in a clone.", valueName: "folder"))
    var examples: String?

    @Flag(name: .shortAndLong, help: "Also print every answer, and the server's own log.")
    var verbose = false

    func validate() throws {
        guard ["png", "svg"].contains(pictureFormat) else {
            throw ValidationError("--picture is the name of a .png or .svg file.")
        }
        guard (0...65_535).contains(port) else { throw ValidationError("--port is a number from 0 to 65535.") }
        if let databaseURL, !databaseURL.hasPrefix("postgresql://"), !databaseURL.hasPrefix("postgres://") {
            throw ValidationError("--database takes a postgresql:// address. Without it the tour runs on SQLite.")
        }
    }

    func run() async throws {
        let examples = try Examples(in: examples)
        let started = ContinuousClock.now
        let guide = Guide(isVerbose: verbose)
        let stage = TourStage(databaseURL: databaseURL, port: port, isVerbose: verbose)
        try await stage.run { app, client in
            guide.open(
                "The tour of Gatehouse \(gatehouseVersion)",
                "at \(client.baseURL), on \(databaseURL == nil ? "SQLite" : "PostgreSQL")")
            let tour = Tour(
                guide: guide, outside: client, app: app, examples: examples, picture: picture,
                pictureFormat: pictureFormat)
            try await tour.walk()
        }
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        guide.close("Everything was as expected. The tour took \(String(format: "%.1f", seconds)) s.")
    }

    private var pictureFormat: String { URL(filePath: picture).pathExtension.lowercased() }
}
