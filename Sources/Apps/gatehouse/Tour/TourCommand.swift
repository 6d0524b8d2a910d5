import App
import ArgumentParser
import Client
import Foundation
import TestStripe

struct TourCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tour",
        abstract: "Demonstrate the API on a temporary server.",
        discussion: """
            Starts a server with a temporary database and uses it over HTTP: an account, a plan, two years of hourly \
            data, datasets, two models, and refused requests; or, for `sandbox`, a session of Sandbox, its decisions \
            and an experiment; or, for `marketplace`, a booked event from its payment to the vendors' payment, with a \
            double of the payment provider in this process; or, for `workflows`, a sentence that becomes a file and an \
            e-mail, a budget that ends, and a server that is killed in the middle; or, for `assistant`, a conversation \
            with the local model, its messages, the search and the tokens. Every request is printed with its \
            response. The command ends with status 1 at the first unexpected response. It uses no installation; in \
            PostgreSQL it creates a schema, and drops it at the end.

            EXAMPLES
              gatehouse tour
              gatehouse tour sandbox
              gatehouse tour marketplace
              gatehouse tour workflows
              gatehouse tour assistant
              gatehouse tour --picture forecast.svg --verbose
              gatehouse tour --database postgresql://gatehouse@127.0.0.1/postgres
            """
    )

    @Argument(help: "What is demonstrated: training, sandbox, marketplace, workflows or assistant.")
    var subject = TourSubject.training

    @Option(
        name: .customLong("database"),
        help: ArgumentHelp(
            "A PostgreSQL database to use instead of SQLite; its user may create schemas.", valueName: "url")
    )
    var databaseURL: String?

    @Option(help: ArgumentHelp("The file of the forecast's plot, .png or .svg.", valueName: "file"))
    var picture = "forecast.png"

    @Option(help: ArgumentHelp("The port of the server; a free one by default.", valueName: "port"))
    var port = 0

    @Option(
        help: ArgumentHelp(
            "The folder of seattle-temps.csv and sf-temps.csv; in a clone it is found.", valueName: "folder"))
    var examples: String?

    @Flag(name: .shortAndLong, help: "Also print every response and the server's log.")
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
        let started = ContinuousClock.now
        let runner = TourRunner(isVerbose: verbose)
        if subject == .workflows { try await runWorkflows(runner) } else { try await runInProcess(runner) }
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        runner.end("Every response was as expected. The tour took \(String(format: "%.1f", seconds)) s.")
    }

    private func runInProcess(_ runner: TourRunner) async throws {
        let examples = subject == .training ? try Examples(in: examples) : nil
        var server = TourServer(databaseURL: databaseURL, port: port, isVerbose: verbose)
        let stripe = subject == .marketplace ? try await TestStripeServer.start() : nil
        if let stripe {
            server.change = {
                $0.stripeSecretKey = stripe.secretKey
                $0.stripeWebhookSecrets = [stripe.webhookSecret]
                $0.stripeAPIBase = stripe.url
            }
        }
        try await server.run { app, client in
            runner.begin(
                "The tour of Gatehouse \(gatehouseVersion)",
                "at \(client.baseURL), on \(databaseURL == nil ? "SQLite" : "PostgreSQL")")
            if let stripe {
                return try await MarketplaceTour(runner: runner, anonymous: client, app: app, stripe: stripe).run()
            }
            if subject == .assistant {
                return try await AssistantTour(runner: runner, anonymous: client).run()
            }
            guard let examples else {
                return try await SandboxTour(runner: runner, anonymous: client, app: app).run()
            }
            let tour = Tour(
                runner: runner, anonymous: client, app: app, examples: examples, picture: picture,
                pictureFormat: pictureFormat)
            try await tour.run()
        }
    }

    /// The server runs in a process of its own, because the tour kills it.
    private func runWorkflows(_ runner: TourRunner) async throws {
        try await TemporaryFolder.with { folder in
            func run(on databaseURL: String) async throws {
                try await WorkflowsTour(
                    runner: runner, folder: folder, databaseURL: databaseURL, isPostgres: self.databaseURL != nil
                ).run()
            }
            guard let databaseURL else {
                return try await run(on: "sqlite:\(folder.path(percentEncoded: false))/gatehouse.db")
            }
            try await TourSchema(databaseURL: databaseURL).use { try await run(on: $0) }
        }
    }

    private var pictureFormat: String { URL(filePath: picture).pathExtension.lowercased() }
}
