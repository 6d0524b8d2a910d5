import App
import ArgumentParser
import Modules

/// The flags by which a command says which installation it works on. They are checked together with the environment, not here, so
/// that all faults come out at once.
struct InstallationOptions: ParsableArguments {
    @Option(
        name: .customLong("database"),
        help: ArgumentHelp("In place of DATABASE_URL: sqlite:PATH or postgresql://…", valueName: "url"))
    var databaseURL: String?

    @Option(
        name: .customLong("data"),
        help: ArgumentHelp(
            "In place of DATA_DIR: where secrets, files and the default database lie.", valueName: "folder"))
    var dataFolder: String?

    @Option(help: ArgumentHelp("In place of LOG_FORMAT: json or text.", valueName: "format"))
    var logFormat: String?

    @Option(
        help: ArgumentHelp(
            "In place of LOG_LEVEL: trace, debug, info, notice, warning, error or critical.", valueName: "level"))
    var logLevel: String?

    /// What the flags say, by the environment's names.
    var overrides: [String: String] {
        ["DATABASE_URL": databaseURL, "DATA_DIR": dataFolder, "LOG_FORMAT": logFormat, "LOG_LEVEL": logLevel]
            .compactMapValues(\.self)
    }

    func load() async throws -> Configuration { try await Configuration.load(overrides: overrides) }

    /// Runs a command's work on the installation, which is closed afterwards, however the work ends.
    func withApp<Result>(_ work: (App) async throws -> Result) async throws -> Result {
        var configuration = try await load()
        // The system's own start is no news here, only what goes wrong.
        configuration.logLevel = max(configuration.logLevel, .error)
        let app = try await buildApp(configuration)
        do {
            let result = try await work(app)
            await app.database.close()
            return result
        } catch {
            await app.database.close()
            throw error
        }
    }
}

/// Where to listen.
struct ListeningOptions: ParsableArguments {
    @Option(help: ArgumentHelp("In place of HOST: the address to listen on.", valueName: "address"))
    var host: String?

    @Option(help: ArgumentHelp("In place of PORT: the port to listen on; 0 lets the system choose.", valueName: "port"))
    var port: String?

    var overrides: [String: String] { ["HOST": host, "PORT": port].compactMapValues(\.self) }
}
